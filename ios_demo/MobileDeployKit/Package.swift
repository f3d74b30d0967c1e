// swift-tools-version: 5.9
import PackageDescription

// ExecuTorch stays out: SwiftPM fetches every dependency that a manifest names, on Linux too, where
// it has nothing to offer. The app adds it, and one file that speaks to it.
let strict: [SwiftSetting] = [.enableExperimentalFeature("StrictConcurrency")]

let package = Package(
    name: "MobileDeployKit",
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [
        .library(name: "MobileDeployCore", targets: ["MobileDeployCore"]),
        .library(name: "MobileDeployRuntime", targets: ["MobileDeployRuntime"]),
    ],
    targets: [
        .target(name: "MobileDeployCore", swiftSettings: strict),
        .target(
            name: "MobileDeployRuntime",
            dependencies: ["MobileDeployCore"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "MobileDeployKitTests",
            dependencies: ["MobileDeployCore", "MobileDeployRuntime"],
            swiftSettings: strict
        ),
    ]
)

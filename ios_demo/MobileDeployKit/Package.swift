// swift-tools-version: 5.9
import Foundation
import PackageDescription

// ExecuTorch stays out: SwiftPM fetches every dependency that a manifest names, on Linux too, where
// it has nothing to offer. The app adds it, and one file that speaks to it.
let strict: [SwiftSetting] = [.enableExperimentalFeature("StrictConcurrency")]

// A Debug build of the app would take a second to crop a photo. SwiftPM allows the flag to a
// package that lies in a folder, as this one does beside its app.
let quick: [SwiftSetting] = strict + [.unsafeFlags(["-O"], .when(configuration: .debug))]

// A project that `mobile-deploy app ios --new` wrote has no tests: what they read lies in the
// repository.
let hasTests = FileManager.default.fileExists(atPath: Context.packageDirectory + "/Tests")

let tests: [Target] = [
    .testTarget(
        name: "MobileDeployKitTests",
        dependencies: ["MobileDeployCore", "MobileDeployRuntime"],
        swiftSettings: strict
    )
]

let package = Package(
    name: "MobileDeployKit",
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [
        .library(name: "MobileDeployCore", targets: ["MobileDeployCore"]),
        .library(name: "MobileDeployRuntime", targets: ["MobileDeployRuntime"]),
    ],
    targets: [
        .target(name: "MobileDeployCore", swiftSettings: quick),
        .target(
            name: "MobileDeployRuntime",
            dependencies: ["MobileDeployCore"],
            swiftSettings: strict
        ),
    ] + (hasTests ? tests : [])
)

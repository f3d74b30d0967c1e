@preconcurrency import AVFoundation
import MobileDeployCore
import SwiftUI

/// All that the camera sees, level as the phone is turned, and a frame around the part of it that
/// the network sees. The session has its input already.
struct CameraPreview: UIViewRepresentable {
    let session: AVCaptureSession
    let facts: CameraFacts
    /// nil while no network is loaded.
    let preprocessing: Preprocessing?
    /// Called with where the user taps, in shares of the picture as the sensor has it.
    let focus: (CGPoint) -> Void

    func makeUIView(context: Context) -> PreviewView {
        PreviewView()
    }

    func updateUIView(_ view: PreviewView, context: Context) {
        view.focus = focus
        view.preprocessing = preprocessing
        view.show(session, facts)
    }
}

final class PreviewView: UIView {
    var focus: (CGPoint) -> Void = { _ in }
    var preprocessing: Preprocessing? {
        didSet { if preprocessing != oldValue { setNeedsLayout() } }
    }

    private let part = CAShapeLayer()
    private var facts: CameraFacts?
    private var rotation: AVCaptureDevice.RotationCoordinator?
    private var rotationObservation: NSKeyValueObservation?

    override class var layerClass: AnyClass { AVCaptureVideoPreviewLayer.self }

    private var preview: AVCaptureVideoPreviewLayer? { layer as? AVCaptureVideoPreviewLayer }

    override init(frame: CGRect) {
        super.init(frame: frame)
        // Light with a dark shadow: it is seen on everything.
        part.fillColor = nil
        part.strokeColor = UIColor.white.cgColor
        part.lineWidth = 2
        part.shadowOpacity = 0.8
        part.shadowRadius = 2
        part.shadowOffset = .zero
        layer.addSublayer(part)
        addGestureRecognizer(UITapGestureRecognizer(target: self, action: #selector(tapped)))
        isAccessibilityElement = true
        accessibilityLabel = "What the camera sees"
    }

    required init?(coder: NSCoder) {
        super.init(coder: coder)
    }

    func show(_ session: AVCaptureSession, _ facts: CameraFacts) {
        guard let preview, self.facts != facts else { return }
        self.facts = facts
        if preview.session !== session { preview.session = session }
        preview.videoGravity = .resizeAspect
        let inputs = session.inputs.compactMap { $0 as? AVCaptureDeviceInput }
        guard let camera = inputs.first?.device else { return }
        let coordinator = AVCaptureDevice.RotationCoordinator(device: camera, previewLayer: preview)
        rotation = coordinator
        rotationObservation = coordinator.observe(
            \.videoRotationAngleForHorizonLevelPreview, options: [.initial, .new]
        ) { [weak self, weak preview] coordinator, _ in
            let angle = coordinator.videoRotationAngleForHorizonLevelPreview
            guard let connection = preview?.connection,
                connection.isVideoRotationAngleSupported(angle)
            else { return }
            connection.videoRotationAngle = angle
            DispatchQueue.main.async { [weak self] in self?.setNeedsLayout() }
        }
        setNeedsLayout()
    }

    override func layoutSubviews() {
        super.layoutSubviews()
        part.path = partSeen().map { CGPath(rect: $0, transform: nil) }
    }

    /// Where the part that the network sees lies in this view: the whole picture is in its middle,
    /// as large as fits.
    private func partSeen() -> CGRect? {
        guard let facts, let preprocessing, bounds.width > 0, bounds.height > 0 else { return nil }
        let isPortrait = bounds.height >= bounds.width
        let (long, short) = (facts.size.height, facts.size.width)
        let size = PixelSize(
            height: isPortrait ? long : short, width: isPortrait ? short : long)
        let picture = AVMakeRect(
            aspectRatio: CGSize(width: size.width, height: size.height), insideRect: bounds)
        let part = preprocessing.part(of: size)
        return CGRect(
            x: picture.minX + part.left * picture.width,
            y: picture.minY + part.top * picture.height,
            width: part.width * picture.width,
            height: part.height * picture.height
        )
    }

    @objc private func tapped(_ tap: UITapGestureRecognizer) {
        guard let preview else { return }
        focus(preview.captureDevicePointConverted(fromLayerPoint: tap.location(in: self)))
    }
}

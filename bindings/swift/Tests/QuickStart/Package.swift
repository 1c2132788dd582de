// swift-tools-version: 6.0
// An empty project that depends on the made package, as an app does.
import PackageDescription

let package = Package(
    name: "QuickStart",
    platforms: [.macOS(.v12)],
    dependencies: [.package(path: "../swift-package")],
    targets: [
        .executableTarget(
            name: "QuickStart",
            dependencies: [.product(name: "Nghisu", package: "swift-package")],
            // As in new projects of Xcode: only members of imported modules are seen.
            swiftSettings: [.enableExperimentalFeature("MemberImportVisibility")]
        )
    ]
)

// swift-tools-version: 6.0
// This package is whole once `stage` has put the generated code and the library beside it.
import PackageDescription

#if os(Linux)
let library = "\(Context.packageDirectory)/lib"
let core: Target = .systemLibrary(name: "NghisuCoreFFI")
let linked: [LinkerSetting] = [
    .linkedLibrary("nghisu"),
    .unsafeFlags(["-L\(library)", "-Xlinker", "-rpath", "-Xlinker", library]),
]
#else
let core: Target = .binaryTarget(name: "NghisuCoreFFI", path: "NghisuCoreFFI.xcframework")
let linked: [LinkerSetting] = []
#endif

let package = Package(
    name: "nghisu",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [
        .library(name: "Nghisu", targets: ["Nghisu"])
    ],
    targets: [
        core,
        // Generated: it keeps the rules of Swift 5.
        .target(
            name: "NghisuCore",
            dependencies: ["NghisuCoreFFI"],
            swiftSettings: [.swiftLanguageMode(.v5)],
            linkerSettings: linked
        ),
        .target(name: "Nghisu", dependencies: ["NghisuCore"], resources: [.copy("PrivacyInfo.xcprivacy")]),
        // What the tests kill while it writes.
        .executableTarget(name: "Writer", dependencies: ["Nghisu"], path: "Tests/Writer"),
        .testTarget(name: "NghisuTests", dependencies: ["Nghisu", "Writer"]),
    ],
    swiftLanguageModes: [.v6]
)

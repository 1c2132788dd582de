import Foundation
import Testing

/// The program that the readme shows, in an empty project that depends on the made package.
@Suite(.timeLimit(.minutes(2)))
struct QuickStartTests {
    @Test func the_quick_start_of_the_readme_runs_in_an_empty_project() throws {
        let place = try Place()
        let readme = URL(fileURLWithPath: environment("NGHISU_README"))
        let bindings = readme.deletingLastPathComponent()
        let file = bindings.appending("swift/Tests/QuickStart/Sources/QuickStart/QuickStart.swift")
        let source = try String(contentsOf: file, encoding: .utf8)
        #expect(try String(contentsOf: readme, encoding: .utf8).contains("```swift\n\(source)```"))
        #expect(source.split(separator: "\n", omittingEmptySubsequences: false).count <= 30)

        let folder = place.folder.appending("quick").path
        let printed = try run(environment("NGHISU_QUICK_START"), [folder, try place.office.invitation("alice")])

        #expect(printed == "1 Khai mạc\n2 Dự toán ngân sách\nchanged: Hỏi về kinh phí\n")
    }
}

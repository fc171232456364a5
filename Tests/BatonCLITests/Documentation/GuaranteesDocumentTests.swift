import Foundation
import Testing

@Suite("docs/GUARANTEES.md")
struct GuaranteesDocumentTests {
    private static let root = URL(filePath: #filePath).appending(path: "../../../..").standardized

    /// All test sources but this page's own.
    private func tests() throws -> String {
        var text = ""
        let files = try #require(FileManager.default.enumerator(at: Self.root.appending(path: "Tests"), includingPropertiesForKeys: nil))
        for case let file as URL in files where file.pathExtension == "swift" { text += try String(contentsOf: file, encoding: .utf8) }
        return text
    }

    @Test("names tests that are there, under every promise")
    func named() throws {
        let page = try String(contentsOf: Self.root.appending(path: "docs/GUARANTEES.md"), encoding: .utf8)
        let tests = try tests()
        let promises = page.split(separator: "\n## ").dropFirst()
        #expect(promises.count >= 10)
        for promise in promises {
            let named = promise.split(separator: "\n").filter { $0.hasPrefix("- \"") && $0.hasSuffix("\"") }.map { $0.dropFirst(3).dropLast() }
            #expect(named.count >= 2, "tests hold: \(promise.prefix { $0 != "\n" })")
            for name in named { #expect(tests.contains("\"\(name)\"") || tests.contains("func \(name)("), "no test is called: \(name)") }
        }
    }

    @Test("links to pages that are there", arguments: ["GUARANTEES.md", "LIMITS.md", "REDIS.md", "MIGRATING.md", "OPERATIONS.md", "KEYS.md"])
    func links(page: String) throws {
        let text = try String(contentsOf: Self.root.appending(path: "docs/\(page)"), encoding: .utf8)
        for match in text.matches(of: /\]\(([^):#]+)(#([^)]+))?\)/) {
            let target = Self.root.appending(path: "docs/\(match.1)").standardized
            let linked = try? String(contentsOf: target, encoding: .utf8)
            #expect(linked != nil, "\(page) links to \(match.1)")
            guard let anchor = match.3, let linked else { continue }
            let anchors = linked.split(separator: "\n").filter { $0.hasPrefix("#") }.map { heading in
                String(heading.drop { $0 == "#" || $0 == " " }.lowercased().filter { $0.isLetter || $0.isNumber || $0 == " " || $0 == "-" })
                    .replacing(" ", with: "-")
            }
            #expect(anchors.contains(String(anchor)), "\(page) links to \(match.1)#\(anchor)")
        }
    }
}

import Glibc
import Testing

@testable import BatonCLI

@Suite("docs/CONFIGURATION.md")
struct ConfigurationDocumentTests {
    /// Writing the page anew: BATON_WRITE_DOCS=1 swift test --filter ConfigurationDocumentTests
    @Test("the page is what the declarations say")
    func page() throws {
        let path = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/docs/CONFIGURATION.md"
        if getenv("BATON_WRITE_DOCS") != nil {
            let file = try #require(fopen(path, "w"))
            fputs(ConfigurationPage.text, file)
            fclose(file)
        }
        let file = try #require(fopen(path, "r"), "\(path)")
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        let text = String(decoding: bytes[..<count], as: UTF8.self)
        #expect(text == ConfigurationPage.text, "write it anew with BATON_WRITE_DOCS=1")
    }
}

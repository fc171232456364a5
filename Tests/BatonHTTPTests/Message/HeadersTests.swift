import Testing

@testable import BatonHTTP

@Suite struct HeadersTests {
    @Test func keepsOrderAndDuplicatesAndIgnoresCase() {
        var headers: Headers = ["Set-Cookie": "a", "X": "1", "set-cookie": "b"]
        #expect(headers.count == 3)
        #expect(headers["SET-COOKIE"] == "a")
        #expect(headers.values(of: "Set-Cookie") == ["a", "b"])
        #expect(headers.map(\.name) == ["Set-Cookie", "X", "set-cookie"])
        headers["x"] = "2"
        #expect(headers["X"] == "2")
        headers["set-cookie"] = nil
        #expect(!headers.contains("Set-Cookie"))
        #expect(headers.count == 1)
    }

    @Test func findsListMembers() {
        let headers: Headers = ["Connection": "keep-alive , Upgrade", "Connection": "close", "Other": "x"]
        #expect(headers.contains("connection", token: "upgrade"))
        #expect(headers.contains("connection", token: "keep-alive"))
        #expect(headers.contains("connection", token: "CLOSE"))
        #expect(!headers.contains("connection", token: "clos"))
        #expect(!headers.contains("connection", token: "x"))
    }

    @Test func noValueCanBeginAnotherField() {
        var headers = Headers()
        headers.add("X\r\nEvil", "a\r\nSet-Cookie: b\0")
        var wire: [UInt8] = []
        headers.write(into: &wire)
        #expect(String(decoding: wire, as: UTF8.self) == "X__Evil: a  Set-Cookie: b \r\n")
    }

    @Test func describesNoSecrets() {
        let headers: Headers = ["Authorization": "Bearer s3cret", "Cookie": "s3cret", "A": "b"]
        #expect(headers.description == "Authorization: (redacted), Cookie: (redacted), A: b")
    }
}

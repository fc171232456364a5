import Testing

@testable import BatonHTTP

@Suite struct PercentEncodingTests {
    @Test(arguments: [("a%20b", "a b"), ("%C3%A9", "é"), ("%2f%3A", "/:"), ("a+b", "a+b"), ("", ""), ("%00", "\0")])
    func decodes(_ encoded: String, _ text: String) throws {
        #expect(try PercentEncoding.decode(encoded) == text)
    }

    @Test(arguments: ["%", "%2", "%zz", "a%2", "%+1", "% 1", "%ff", "%C3", "%ED%A0%80", "%C0%80"])
    func refuses(_ encoded: String) {
        let error = #expect(throws: HTTPError.self) { try PercentEncoding.decode(encoded) }
        #expect(error?.code == .invalidEncoding)
    }

    @Test func saysWhereItIsWrong() {
        let error = #expect(throws: HTTPError.self) { try PercentEncoding.decode("abc%zz") }
        #expect(error?.message == "%zz at byte 3 is not a percent-encoded byte")
    }

    @Test(arguments: ["", "plain", "a b/c:d{e}*%", "é🙂", "\0\u{7f}"])
    func encodingComesBack(_ text: String) throws {
        let encoded = PercentEncoding.encode(text)
        #expect(encoded.utf8.allSatisfy { ByteClass.unreserved.contains($0) || $0 == 0x25 })
        #expect(try PercentEncoding.decode(encoded) == text)
    }

    @Test func readsQueries() throws {
        let query = try Query(parsing: "a=1&b=x+y%2B&a=2&&flag&=e&c=a=b")
        #expect(query.items.map(\.name) == ["a", "b", "a", "flag", "", "c"])
        #expect(query.items.map(\.value) == ["1", "x y+", "2", "", "e", "a=b"])
        #expect(query["a"] == "1")
        #expect(query["flag"] == "")
        #expect(query["none"] == nil)
    }

    @Test func namesTheBadParameter() {
        let error = #expect(throws: HTTPError.self) { try Query(parsing: "ok=1&after=%f") }
        #expect(error?.message == "query parameter \"after\": %f at byte 0 is not a percent-encoded byte")
    }

    @Test func namesTheBadPathComponent() {
        let error = #expect(throws: HTTPError.self) { try Request(.get, "/v1/%ff/x").pathComponents() }
        #expect(error?.message.hasPrefix("path component 2: ") == true)
        #expect(error?.status == 400)
    }
}

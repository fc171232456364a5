import BatonCore
import BatonTesting
import Testing

@Suite("JSON writer")
struct WriterTests {
    private func written(_ body: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        body(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test func `commas stand between members and elements, at every level`() {
        let text = written { writer in
            writer.object { writer in
                writer.name("empty")
                writer.object { _ in }
                writer.name("list")
                writer.array { writer in
                    writer.int(1)
                    writer.array { _ in }
                    writer.null()
                    writer.bool(true)
                    writer.bool(false)
                    writer.string("x")
                    writer.string(nil as String?)
                    writer.object { writer in writer.member("a", .emptyArray) }
                    writer.raw(Array("1.50".utf8))
                }
                writer.members(Array(#""p":1,"q":2"#.utf8))
                writer.members([UInt8]())
                writer.member("last", .null)
            }
        }
        #expect(text == #"{"empty":{},"list":[1,[],null,true,false,"x",null,{"a":[]},1.50],"p":1,"q":2,"last":null}"#)
    }

    @Test(arguments: [0, 1, -1, 9, 10, -10, 1_000_000, Int.max, Int.min])
    func `numbers are written whole`(number: Int) {
        #expect(written { $0.int(number) } == "\(number)")
    }

    @Test(arguments: [
        ("", #""""#), ("a\"b\\c/", #""a\"b\\c/""#), ("\n\r\t", #""\n\r\t""#), ("\u{0}\u{8}\u{C}\u{1F}", #""\u0000\u0008\u000c\u001f""#),
        ("é😀\u{7F}\u{2028}", "\"é😀\u{7F}\u{2028}\""),
    ])
    func `strings are escaped where RFC 8259 wants it and nowhere else`(text: String, json: String) {
        #expect(written { $0.string(text) } == json)
        #expect(
            written {
                $0.object {
                    $0.name(text); $0.null()
                }
            } == "{\(json):null}")
    }

    @Test func `any text comes back as it was`() throws {
        var random = SplitMix64(seed: 11)
        for _ in 0..<2000 {
            let scalars = (0..<Int.random(in: 0...12, using: &random)).compactMap { _ -> Unicode.Scalar? in
                let top: UInt32 = [0x40, 0x100, 0xFFFF, 0x10FFFF].randomElement(using: &random)!
                return Unicode.Scalar(UInt32.random(in: 0...top, using: &random))
            }
            var text = ""
            text.unicodeScalars.append(contentsOf: scalars)
            let json = try JSON(parsing: written { $0.string(text) })
            #expect(json == JSON(string: text))
            #expect(json.stringValue.map { Array($0.utf8) } == Array(text.utf8))
        }
    }

    @Test func `a moment is written as text`() {
        #expect(written { $0.time(Timestamp(milliseconds: 0)) } == #""1970-01-01T00:00:00.000Z""#)
    }
}

import BatonCore
import BatonTesting
import Testing

/// The grammar of RFC 8259, and where an error is said to be.
@Suite("JSON scanner")
struct ScannerTests {
    @Test(arguments: [
        "null", "true", "false", "0", "-0", "1", "-1", "10", "1234567890123456789012345678901234567890", "0.0", "0.5", "-0.25", "1e1", "1E1", "1e+1",
        "1e-1", "0e0", "1.5e400", "-1.5E-400", #""""#, #""a""#, #""\"\\\/\b\f\n\r\t""#, #""\u0000""#, #""\uABCD\uabcd""#, #""\ud83d\ude00""#,
        #""\ud800""#,
        "\"\u{7F}\"", "\"é\"", "\"日本語\"", "\"😀\"", "\"\u{10FFFF}\"", "\"\u{FFFF}\"", "[]", "[ ]", "[1]", "[1,2]", "[[],[]]", "[1,\n2]", "{}", "{ }",
        #"{"a":1}"#,
        #"{"a":1,"b":2}"#, #"{"a":1,"a":2}"#, #"{"":{}}"#, " \t\r\n1 \t\r\n", #"{ "a" : [ 1 , { "b" : null } ] }"#,
        #"[true,false,null,-1.5e+3,"x",{},[]]"#,
    ])
    func `what the grammar allows is walked over to its end`(text: String) throws {
        let bytes = Array(text.utf8)
        let range = try JSONScanner.document(bytes.span)
        let trimmed = text.utf8.drop { " \t\r\n".utf8.contains($0) }
        #expect(range.lowerBound == bytes.count - trimmed.count)
        #expect(try JSON(bytes).description == String(decoding: bytes[range], as: UTF8.self))
    }

    struct Refusal: CustomTestStringConvertible {
        let text: [UInt8]
        let reason: JSONError.Reason
        let position: Int

        init(_ text: String, _ reason: JSONError.Reason, at position: Int) {
            self.init(Array(text.utf8), reason, at: position)
        }

        init(_ text: [UInt8], _ reason: JSONError.Reason, at position: Int) {
            self.text = text
            self.reason = reason
            self.position = position
        }

        var testDescription: String { String(decoding: text, as: UTF8.self) }
    }

    static let refusals: [Refusal] = [
        // Nothing, or not enough.
        Refusal("", .unexpectedEnd, at: 0), Refusal("  ", .unexpectedEnd, at: 2), Refusal("[", .unexpectedEnd, at: 1),
        Refusal("{", .unexpectedEnd, at: 1),
        Refusal("[1", .unexpectedEnd, at: 2), Refusal("[1,", .unexpectedEnd, at: 3), Refusal(#"{"a""#, .unexpectedEnd, at: 4),
        Refusal(#"{"a":"#, .unexpectedEnd, at: 5), Refusal(#"{"a":1"#, .unexpectedEnd, at: 6), Refusal(#"{"a":1,"#, .unexpectedEnd, at: 7),
        Refusal("tru", .unexpectedEnd, at: 0), Refusal("[nul", .unexpectedEnd, at: 1), Refusal(#"""#, .unexpectedEnd, at: 1),
        Refusal(#""a"#, .unexpectedEnd, at: 2), Refusal(#""\"#, .unexpectedEnd, at: 1), Refusal(#""\u12"#, .unexpectedEnd, at: 1),
        Refusal(#""\""#, .unexpectedEnd, at: 3),
        // Something else than was expected.
        Refusal("x", .unexpectedByte, at: 0), Refusal("+1", .unexpectedByte, at: 0), Refusal(".5", .unexpectedByte, at: 0),
        Refusal("NaN", .unexpectedByte, at: 0), Refusal("Infinity", .unexpectedByte, at: 0), Refusal("'a'", .unexpectedByte, at: 0),
        Refusal("True", .unexpectedByte, at: 0), Refusal("nulk", .unexpectedByte, at: 0), Refusal("]", .unexpectedByte, at: 0),
        Refusal("[,1]", .unexpectedByte, at: 1), Refusal("[1,]", .unexpectedByte, at: 3), Refusal("[1 2]", .unexpectedByte, at: 3),
        Refusal("[1}", .unexpectedByte, at: 2), Refusal(#"{"a":1]"#, .unexpectedByte, at: 6), Refusal("{,}", .unexpectedByte, at: 1),
        Refusal(#"{"a":1,}"#, .unexpectedByte, at: 7), Refusal(#"{"a" 1}"#, .unexpectedByte, at: 5), Refusal(#"{"a":}"#, .unexpectedByte, at: 5),
        Refusal("{a:1}", .unexpectedByte, at: 1), Refusal("{1:1}", .unexpectedByte, at: 1), Refusal(#"{"a"::1}"#, .unexpectedByte, at: 5),
        Refusal("[1//\n]", .unexpectedByte, at: 2), Refusal("/* */1", .unexpectedByte, at: 0), Refusal("\u{FEFF}1", .unexpectedByte, at: 0),
        Refusal("\u{A0}1", .unexpectedByte, at: 0), Refusal("\u{B}1", .unexpectedByte, at: 0), Refusal("\u{0}", .unexpectedByte, at: 0),
        // Numbers.
        Refusal("-", .invalidNumber, at: 0), Refusal("[-]", .invalidNumber, at: 1), Refusal("01", .invalidNumber, at: 0),
        Refusal("-01", .invalidNumber, at: 0),
        Refusal("00", .invalidNumber, at: 0), Refusal("1.", .invalidNumber, at: 0), Refusal("1.e1", .invalidNumber, at: 0),
        Refusal("1e", .invalidNumber, at: 0),
        Refusal("1e+", .invalidNumber, at: 0), Refusal("[1, 2e-]", .invalidNumber, at: 4), Refusal("-a", .invalidNumber, at: 0),
        Refusal("1.5.5", .trailing, at: 3), Refusal("1e1e1", .trailing, at: 3), Refusal("0x1", .trailing, at: 1), Refusal("1_0", .trailing, at: 1),
        // Strings.
        Refusal(#""\x""#, .invalidEscape, at: 1), Refusal(#""a\u12G4""#, .invalidEscape, at: 2), Refusal(#""\U0041""#, .invalidEscape, at: 1),
        Refusal(#""\'""#, .invalidEscape, at: 1), Refusal("\"\\\u{0}\"", .invalidEscape, at: 1), Refusal("\"a\nb\"", .controlCharacter, at: 2),
        Refusal("\"\t\"", .controlCharacter, at: 1), Refusal("\"\u{0}\"", .controlCharacter, at: 1),
        Refusal("{\"\u{1F}\":1}", .controlCharacter, at: 2),
        // More than one value.
        Refusal("1 2", .trailing, at: 2), Refusal("{}{}", .trailing, at: 2), Refusal("[] x", .trailing, at: 3), Refusal("nulll", .trailing, at: 4),
        Refusal("1\u{0}", .trailing, at: 1), Refusal("[]]", .trailing, at: 2),
        // UTF-8 as in the table of RFC 3629 §4: lone and missing continuations, overlong forms, surrogates, beyond U+10FFFF.
        Refusal([0x22, 0x80, 0x22], .invalidUTF8, at: 1), Refusal([0x22, 0xBF, 0x22], .invalidUTF8, at: 1),
        Refusal([0x22, 0xC3], .invalidUTF8, at: 1),
        Refusal([0x22, 0xC3, 0x22], .invalidUTF8, at: 1), Refusal([0x22, 0xC0, 0x80, 0x22], .invalidUTF8, at: 1),
        Refusal([0x22, 0xC1, 0xBF, 0x22], .invalidUTF8, at: 1), Refusal([0x22, 0xE0, 0x9F, 0xBF, 0x22], .invalidUTF8, at: 1),
        Refusal([0x22, 0xE2, 0x82, 0x22], .invalidUTF8, at: 1), Refusal([0x22, 0xE2, 0x82], .invalidUTF8, at: 1),
        Refusal([0x22, 0xED, 0xA0, 0x80, 0x22], .invalidUTF8, at: 1), Refusal([0x22, 0xF0, 0x8F, 0xBF, 0xBF, 0x22], .invalidUTF8, at: 1),
        Refusal([0x22, 0xF0, 0x9F, 0x98, 0x22], .invalidUTF8, at: 1), Refusal([0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], .invalidUTF8, at: 1),
        Refusal([0x22, 0xF5, 0x80, 0x80, 0x80, 0x22], .invalidUTF8, at: 1), Refusal([0x22, 0x61, 0xFF, 0x22], .invalidUTF8, at: 2),
        Refusal([0x22, 0xF0, 0x9F, 0x98, 0x80, 0xFE, 0x22], .invalidUTF8, at: 5), Refusal([0x80], .unexpectedByte, at: 0),
    ]

    @Test(arguments: refusals)
    func `what the grammar forbids is refused with its place`(refusal: Refusal) throws {
        let error = #expect(throws: JSONError.self) { try JSONScanner.document(refusal.text.span) }
        #expect(error?.reason == refusal.reason)
        #expect(error?.position == refusal.position)
        // The same in words, for people.
        let told = #expect(throws: StoreError.self) { try JSON(refusal.text) }
        #expect(told?.code == .invalidJSON)
        #expect(told?.message.hasSuffix("at byte \(refusal.position)") == true)
    }

    @Test func `every byte that may begin a character of two to four bytes is judged right`() throws {
        for lead in 0x80...0xFF as ClosedRange<UInt8> {
            for second in stride(from: 0x70, through: 0xFF, by: 1) {
                for length in 2...4 {
                    let bytes = [0x22, lead, UInt8(second)] + [UInt8](repeating: 0x80, count: length - 2) + [0x22]
                    let isRight = String(validating: bytes, as: UTF8.self) != nil
                    #expect(((try? JSONScanner.document(bytes.span)) != nil) == isRight, "\(bytes)")
                }
            }
        }
    }

    @Test(arguments: [("[", "]"), (#"{"a":"#, "}")])
    func `values nest 512 levels and no deeper`(open: String, close: String) throws {
        func text(_ depth: Int, _ inner: String = "1") -> [UInt8] {
            Array((String(repeating: open, count: depth) + inner + String(repeating: close, count: depth)).utf8)
        }
        #expect(try JSONScanner.document(text(512).span).count == text(512).count)
        let error = #expect(throws: JSONError.self) { try JSONScanner.document(text(513).span) }
        #expect(error?.reason == .tooDeep)
        #expect(error?.position == open.utf8.count * 512)
        // However much follows: nothing is walked deeper.
        #expect(throws: JSONError.self) { try JSONScanner.document(Array(String(repeating: open, count: 1_000_000).utf8).span) }
        #expect((try? JSONScanner.document(text(511, open == "[" ? "{}" : "[]").span)) != nil)
        #expect((try? JSONScanner.document(text(512, "[]").span)) == nil)
    }

    static let document = Array(
        #"{"a":[1,-2.5e+3,true,false,null,"x\n\u00e9\ud83d\ude00é😀"],"b":{"":{"c":[[],{}]}},"d" : "日本" , "e":-0}"#.utf8)

    @Test func `a document that ends early is refused at every byte`() throws {
        let document = ScannerTests.document
        #expect((try? JSONScanner.document(document.span)) != nil)
        for end in 0..<document.count {
            let piece = Array(document[..<end])
            let error = #expect(throws: JSONError.self, "\(end) bytes were taken for a document") { try JSONScanner.document(piece.span) }
            #expect((error?.position ?? .max) <= end)
        }
    }

    @Test func `no bytes whatever make it trap, and what it accepts can be read`() throws {
        var random = SplitMix64(seed: 7)
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes = ScannerTests.document
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes[place] = Array("{}[]\",:\\u0e.- ntf".utf8).randomElement(using: &random)!
                case 2: bytes.remove(at: place)
                case 3: bytes.insert(bytes[Int.random(in: 0..<bytes.count, using: &random)], at: place)
                default: bytes.swapAt(place, Int.random(in: 0..<bytes.count, using: &random))
                }
            }
            do {
                let json = try JSON(bytes)
                accepted += 1
                // What was accepted is UTF-8, is accepted again, and can be taken apart and put together.
                #expect(String(validating: json.bytes, as: UTF8.self) != nil)
                #expect(try JSON(json.bytes) == json)
                _ = json.merging(json)
                _ = json.members?.map { ($0.value.elements, $0.value.stringValue, $0.value.intValue) }
            } catch {
                #expect(error.code == .invalidJSON)
            }
        }
        // Neither everything nor nothing, or it would prove nothing.
        #expect((200...18_000).contains(accepted), "\(accepted) of 20,000")
    }

    @Test func `walking stops at the first value and goes on from there`() throws {
        let bytes = Array(#" {"a":1} [2] 3"#.utf8)
        var scanner = JSONScanner()
        #expect(try scanner.peek(bytes.span) == UInt8(ascii: "{"))
        #expect(try scanner.value(bytes.span) == 1..<8)
        #expect(try scanner.value(bytes.span) == 9..<12)
        let error = #expect(throws: JSONError.self) { try scanner.end(bytes.span) }
        #expect(error?.reason == .trailing)
        #expect(error?.position == 13)
        #expect(try scanner.value(bytes.span) == 13..<14)
        try scanner.end(bytes.span)
    }
}

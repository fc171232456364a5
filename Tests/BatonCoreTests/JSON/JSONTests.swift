import BatonCore
import BatonTesting
import Testing

@Suite("JSON values")
struct JSONTests {
    @Test func `bytes stay as they were written, white space around them goes`() throws {
        let text = "{ \"b\" : 1.00 ,\n \"a\":\"\\u0041\" }"
        let json = try JSON(parsing: " \n" + text + "\t ")
        #expect(json.description == text)
        #expect(try JSON(parsing: "1.0") != JSON(parsing: "1"))
        #expect(try JSON(parsing: text) == json)
    }

    @Test(arguments: [
        (#""""#, ""), (#""a""#, "a"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0041\u00e9\u0000""#, "Aé\u{0}"),
        (#""\ud83d\ude00""#, "😀"), (#""\uD83D\uDE00x""#, "😀x"), ("\"é😀\"", "é😀"), (#""a\u0301""#, "a\u{301}"), (#""\ufeff""#, "\u{FEFF}"),
        (#""\udbff\udfff""#, "\u{10FFFF}"), (#""\\u0041""#, "\\u0041"),
    ])
    func `escapes of a string are resolved`(json: String, text: String) throws {
        #expect(try JSON(parsing: json).stringValue.map { Array($0.utf8) } == Array(text.utf8))
    }

    @Test(arguments: [
        #""\ud800""#, #""\udc00""#, #""\ud800x""#, #""\ud800\n""#, #""\ud800\ud800""#, #""\ude00\ud83d""#, #""a\ud83d\u0041""#, #""\ud83d\\ude00""#,
    ])
    func `half a surrogate pair is JSON but no text`(json: String) throws {
        #expect(try JSON(parsing: json).stringValue == nil)
        #expect(try JSON(parsing: #"{\#(json):1}"#).members == nil)
    }

    @Test func `a number is a whole number of Int or none`() throws {
        for (text, number) in [("0", 0), ("-0", 0), ("7", 7), ("-7", -7), ("9223372036854775807", Int.max), ("-9223372036854775808", Int.min)] {
            #expect(try JSON(parsing: text).intValue == number)
        }
        for text in ["9223372036854775808", "-9223372036854775809", "1.0", "1e1", "\"1\"", "true", "null", "[1]"] {
            #expect(try JSON(parsing: text).intValue == nil)
        }
    }

    @Test func `members come in order, values as they are, and the last of a name counts`() throws {
        let json = try JSON(parsing: #"{ "b" : [ 1 ] , "a\u0062":{"x": 2}, "b":3, "e\u0301":4, "é":5 }"#)
        let members = try #require(json.members)
        #expect(members.map { Array($0.name.utf8) } == ["b", "ab", "b", "e\u{301}", "é"].map { Array($0.utf8) })
        #expect(members.map(\.value.description) == ["[ 1 ]", #"{"x": 2}"#, "3", "4", "5"])
        #expect(json["b"]?.intValue == 3)
        #expect(json["e\u{301}"]?.intValue == 4)
        #expect(json["é"]?.intValue == 5)
        #expect(json["c"] == nil)
        #expect(try JSON(parsing: "[]").members == nil)
        #expect(try JSON(parsing: "[]")["a"] == nil)
        #expect(try JSON(parsing: "{}").members?.isEmpty == true)
    }

    @Test func `elements come in order`() throws {
        #expect(try JSON(parsing: #"[ 1 ,"a", [ ] ,{}]"#).elements?.map(\.description) == ["1", "\"a\"", "[ ]", "{}"])
        #expect(try JSON(parsing: "[ ]").elements == [])
        #expect(try JSON(parsing: "{}").elements == nil)
    }

    @Test func `what kind of value it is`() throws {
        #expect(try JSON(parsing: "null").isNull)
        #expect(try !JSON(parsing: "\"null\"").isNull)
        #expect(try JSON(parsing: "{ }").isObject)
        #expect(try !JSON(parsing: "[{}]").isObject)
    }

    @Test(arguments: [
        // The table of RFC 7396, appendix A.
        (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#), (#"{"a":"b"}"#, #"{"a":null}"#, "{}"),
        (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#), (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
        (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#), (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
        (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#), (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#), (#"{"a":"b"}"#, #"["c"]"#, #"["c"]"#),
        (#"{"a":"foo"}"#, "null", "null"), (#"{"a":"foo"}"#, #""bar""#, #""bar""#), (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
        ("[1,2]", #"{"a":"b","c":null}"#, #"{"a":"b"}"#), ("{}", #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
        // What is not touched keeps its spelling; nulls in arrays stay.
        (#"{"a":1.0e0,"b":{"c":[null, 1.00]}}"#, #"{"d":[null]}"#, #"{"a":1.0e0,"b":{"c":[null, 1.00]},"d":[null]}"#),
        // Names are compared by code units, escapes resolved.
        ("{\"é\":1}", "{\"e\u{301}\":2}", "{\"é\":1,\"e\u{301}\":2}"), (#"{"a":1}"#, #"{"\u0061":2}"#, #"{"a":2}"#),
        (#"{"a\nb":1}"#, #"{"a\u000ab":null}"#, "{}"),
        // Names that come twice: the last counts.
        (#"{"a":1,"b":0,"a":{"x":1}}"#, #"{"a":{"y":2}}"#, #"{"b":0,"a":{"x":1,"y":2}}"#), (#"{"a":1,"a":2}"#, #"{"a":null}"#, "{}"),
        (#"{"a":{"x":1}}"#, #"{"a":null,"a":{"y":2}}"#, #"{"a":{"y":2}}"#), ("{}", #"{"a":1,"a":null}"#, "{}"),
    ])
    func `a merge patch changes what it names`(target: String, patch: String, result: String) throws {
        let merged = try JSON(parsing: target).merging(JSON(parsing: patch))
        #expect(Array(merged.description.utf8) == Array(result.utf8))
        #expect(try JSON(merged.bytes) == merged)
    }

    @Test func `merging is done when it is done twice, and a patch of nothing changes nothing`() throws {
        var random = SplitMix64(seed: 3)
        func value(_ depth: Int, _ random: inout SplitMix64) -> String {
            switch Int.random(in: 0..<(depth > 3 ? 4 : 7), using: &random) {
            case 0: "null"
            case 1: "\(Int.random(in: -9...9, using: &random))"
            case 2: "\"x\""
            case 3: "[null,1]"
            default:
                "{"
                    + ["a", "b", "c"].filter { _ in Bool.random(using: &random) }
                    .map { "\"\($0)\":\(value(depth + 1, &random))" }.joined(separator: ",") + "}"
            }
        }
        for _ in 0..<500 {
            let (target, patch) = (try JSON(parsing: value(0, &random)), try JSON(parsing: value(0, &random)))
            let once = target.merging(patch)
            #expect(once.merging(patch) == once, "\(target) \(patch)")
            #expect(once == patch || once.isObject)
            if target.isObject { #expect(target.merging(.emptyObject) == target) }
        }
    }

    @Test func `merging large and deep objects takes no time and no stack`() throws {
        func large(_ first: Int) throws -> JSON {
            try JSON(parsing: "{" + (first..<first + 20_000).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + "}")
        }
        #expect(try large(0).merging(large(10_000)).members?.count == 30_000)
        func deep(_ leaf: String) throws -> JSON {
            try JSON(parsing: String(repeating: #"{"a":"#, count: 511) + "{\"\(leaf)\":1}" + String(repeating: "}", count: 511))
        }
        let merged = try deep("x").merging(deep("y"))
        #expect(merged.description.contains(#"{"x":1,"y":1}"#))
        #expect(try JSON(merged.bytes) == merged)
    }
}

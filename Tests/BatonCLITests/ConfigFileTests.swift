import Testing

@testable import BatonCLI

@Suite("Configuration file")
struct ConfigFileTests {
    private func values(_ text: String) throws -> [String: ConfigurationValue] {
        let entries = try ConfigurationFile.parse(text, named: "f.toml")
        return Dictionary(entries.map { ($0.key, $0.value) }) { first, _ in first }
    }

    private func message(_ text: String) -> String? {
        do throws(UsageError) {
            _ = try ConfigurationFile.parse(text, named: "f.toml")
            return nil
        } catch {
            return error.message
        }
    }

    @Test("keys, tables, values and comments")
    func basics() throws {
        let text = """
            # Baton's settings
            listen = "0.0.0.0:4437"   # everywhere
            shards=16
            json = true
              big = -1_000
            roles = [ "user", 'agent', 3 , ] # three
            nothing = []

            [tls]
            certificate = 'C:\\temp\\"x"'
            [ log.file ]\t
            path = "/var/log/baton # not a comment"

            """
        #expect(
            try values(text) == [
                "listen": .string("0.0.0.0:4437"), "shards": .integer(16), "json": .boolean(true), "big": .integer(-1000),
                "roles": .array([.string("user"), .string("agent"), .integer(3)]), "nothing": .array([]),
                "tls.certificate": .string(#"C:\temp\"x""#), "log.file.path": .string("/var/log/baton # not a comment"),
            ])
    }

    @Test("lines are counted, with any line ends")
    func lines() throws {
        #expect(try ConfigurationFile.parse("a = 1\r\n\r\n[t]\r\nb = 2", named: "f").map(\.line) == [1, 4])
        #expect(try ConfigurationFile.parse("", named: "f").isEmpty)
    }

    @Test("escapes in strings")
    func escapes() throws {
        #expect(try values(#"a = "\t\n\"\\ \u00e9 \U0001F600é""#) == ["a": .string("\t\n\"\\ é 😀é")])
    }

    @Test(
        "mistakes name file, line and what is allowed",
        arguments: [
            ("a", "f.toml, line 1: expected key = value"),
            ("= 1", "f.toml, line 1: expected a key of letters, digits, -, _ and ."),
            ("\n\na = ", "f.toml, line 3: expected a string in quotes, a whole number, true or false"),
            ("a = yes", "f.toml, line 1: expected a string in quotes, a whole number, true or false"),
            ("a = 1.5", "f.toml, line 1: expected a string in quotes, a whole number, true or false"),
            ("a = 1__0", "f.toml, line 1: expected a string in quotes, a whole number, true or false"),
            ("a = --1", "f.toml, line 1: expected a string in quotes, a whole number, true or false"),
            ("a = 99999999999999999999", "f.toml, line 1: the number is too large"),
            ("a = \"x", "f.toml, line 1: a string ends in \""),
            ("a = 'x", "f.toml, line 1: a string ends in '"),
            ("a = \"\\x\"", #"f.toml, line 1: allowed after \ are b t n f r " \ uXXXX UXXXXXXXX"#),
            ("a = \"\\uD800\"", #"f.toml, line 1: not a Unicode scalar: "D800""#),
            ("a = \"\\u12", #"f.toml, line 1: not a Unicode scalar: "12""#),
            ("a = [1", "f.toml, line 1: an array ends in ] on the same line"),
            ("a = [1,", "f.toml, line 1: expected a string in quotes, a whole number, true or false"),
            ("a = [[1]]", "f.toml, line 1: arrays cannot hold arrays"),
            ("[t", "f.toml, line 1: a table ends in ]"),
            ("a = 1 b = 2", "f.toml, line 1: unexpected text at the end of the line"),
            ("a = \"1\"x", "f.toml, line 1: unexpected text at the end of the line"),
            ("a = 1\na = 2", #"f.toml, line 2: "a" was already set in line 1"#),
            ("[t]\na = 1\n[t]\na = 2", #"f.toml, line 4: "t.a" was already set in line 2"#),
        ])
    func mistakes(text: String, expected: String) {
        #expect(message(text) == expected)
    }

    @Test("whatever the bytes are, the answer is values or an error")
    func garbage() {
        var generator = SystemRandomNumberGenerator()
        let alphabet: [Unicode.Scalar] = ["a", "=", "\"", "'", "[", "]", ",", "\\", "u", "1", "-", "_", ".", "#", " ", "\n", "\r", "é", "\u{0}"]
        for _ in 0..<5_000 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0..<24, using: &generator) { text.append(alphabet.randomElement(using: &generator) ?? "a") }
            if let message = message(String(text)) { #expect(message.hasPrefix("f.toml, line ")) }
        }
    }
}

import Baton
import Testing

@Suite struct StoreAddressTests {
    @Test("what is written for a store is read, the ways of writing it alike")
    func reads() throws {
        #expect(try StoreAddress("sqlite:baton.db") == .sqlite(path: "baton.db"))
        #expect(try StoreAddress("sqlite:///var/lib/baton.db") == .sqlite(path: "/var/lib/baton.db"))
        #expect(try StoreAddress("sqlite::memory:") == .memory)
        #expect(try StoreAddress("https://baton.example") == .daemon(url: "https://baton.example"))
        for url in ["redis://localhost", "rediss://u:p@h:6380/1", "redis:6379", "redis:6379,cache:6380,ssl=true", "valkey://h"] {
            #expect(try StoreAddress(url) == .redis(url: url))
        }
    }

    @Test(
        "what cannot be read is said, with what is allowed and without the password",
        arguments: [
            ("", "empty"), ("sqlite:", "path of a file"), ("mysql://u:secret@h", "'mysql' is no kind of store"),
            ("redis:/localhost", "two slashes"), ("rediss:localhost:6379", "two slashes"), ("http:/localhost:8080", "two slashes"),
            ("HTTP:", "two slashes"), ("redis://u:secret@h:99999", "port"),
        ])
    func refuses(_ text: String, _ reason: String) {
        do {
            let address = try StoreAddress(text)
            Issue.record("\(text) was read as \(address)")
        } catch {
            #expect(error.code == .invalidParameter)
            #expect(error.message.contains(reason), "\(error.message)")
            #expect(!error.message.contains("secret"))
        }
    }

    @Test("a description holds no login")
    func description() throws {
        #expect(try StoreAddress("redis://u:secret@h:6379/2?password_file=hidden").description == "redis://h:6379/2")
        #expect(try StoreAddress("https://u:secret@h:8443").description == "https://h:8443")
    }
}

import BatonCore
import Testing

@Suite("Durability")
struct DurabilityTests {
    @Test(
        "is read as it is written",
        arguments: [
            ("full", Durability.full), ("normal", .normal), ("memory", .memory), ("wait:1:500ms", .wait(replicas: 1, within: .milliseconds(500))),
            ("wait:2:3s", .wait(replicas: 2, within: .seconds(3))), ("wait:16:1ms", .wait(replicas: 16, within: .milliseconds(1))),
        ])
    func text(_ text: String, _ durability: Durability) throws {
        #expect(try Durability(text) == durability)
        #expect(durability.description == text)
    }

    @Test("takes whole seconds for as many milliseconds")
    func seconds() throws { #expect(try Durability("wait:1:2000ms").description == "wait:1:2s") }

    @Test(
        "refuses what cannot be meant",
        arguments: [
            "", "Full", "wait", "wait:", "wait:1", "wait:1:", "wait:1:500", "wait:0:1s", "wait:17:1s", "wait:-1:1s", "wait:1:0ms", "wait:1:61s",
            "wait:1:1m", "wait:1:1s:1", "wait=1,500", "wait:1:99999999999999999999s", "wait: 1:1s", "wait:1:1.5s",
        ])
    func refusal(_ text: String) {
        let error = #expect(throws: StoreError.self) { _ = try Durability(text) }
        #expect(error?.code == .invalidParameter)
    }
}

import BatonIO
import Synchronization
import Testing

@Suite("A channel")
struct ChannelTests {
    @Test("carries bytes both ways and ends each direction by itself")
    func halfClose() async throws {
        try await withLoop { loop in
            let listener = try await Listener(at: .loopback(port: 0), on: loop) { _ in Echo() }
            let (channel, recorder) = try await Channel.recorded(to: .address(listener.address), on: loop)
            await loop.run {
                channel.write(Array("hello ".utf8))
                channel.append(Array("wor".utf8))
                channel.append(Array("ld".utf8))
                channel.flush()
                channel.closeOutput()
            }
            #expect(await eventually { recorder.hasInputEnded })
            #expect(String(decoding: recorder.bytes, as: UTF8.self) == "hello world")
            #expect(!recorder.isClosed)
            await loop.run { channel.close() }
            #expect(await eventually { recorder.isClosed })
            #expect(recorder.error == nil)
            await listener.stop()
        }
    }
}

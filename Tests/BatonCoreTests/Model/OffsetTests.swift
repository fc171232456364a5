import BatonCore
import BatonTesting
import Testing

@Suite("Offsets and cursors")
struct OffsetTests {
    @Test func `an offset is sixteen digits of time and sixteen of seq`() {
        #expect(Offset(milliseconds: 1_795_000_000_123, seq: 42).description == "0001795000000123_0000000000000042")
        #expect(Offset.start.description == "0000000000000000_0000000000000000")
        let largest = Offset(milliseconds: 9_999_999_999_999_999, seq: 9_999_999_999_999_999)
        #expect(largest.description == "9999999999999999_9999999999999999")
        #expect(Offset(largest.description) == largest)
    }

    @Test func `offsets come back as they were, and sort as text`() {
        var random = SplitMix64(seed: 1)
        var offsets: [Offset] = []
        for _ in 0..<1000 {
            let offset = Offset(
                milliseconds: Int.random(in: 0...9_999_999_999_999_999, using: &random) >> Int.random(in: 0..<50, using: &random),
                seq: Int.random(in: 0...9_999_999_999_999_999, using: &random) >> Int.random(in: 0..<50, using: &random))
            #expect(Offset(offset.description) == offset)
            offsets.append(offset)
        }
        // Inside one log neither part goes back, so that text sorts as places do.
        let milliseconds = offsets.map(\.milliseconds).sorted()
        let log = zip(milliseconds, Set(offsets.map(\.seq)).sorted()).map { Offset(milliseconds: $0, seq: $1) }
        #expect(log.map(\.description) == log.map(\.description).sorted())
        #expect(log == log.shuffled(using: &random).sorted())
    }

    @Test func `offsets are ordered by seq, then by time`() {
        #expect(Offset(milliseconds: 9, seq: 1) < Offset(milliseconds: 1, seq: 2))
        #expect(Offset(milliseconds: 1, seq: 2) < Offset(milliseconds: 2, seq: 2))
        #expect(!(Offset(milliseconds: 2, seq: 2) < Offset(milliseconds: 2, seq: 2)))
    }

    @Test(arguments: [
        "", "_", "1_1", "0001795000000123-0000000000000042", "0001795000000123_000000000000004", "0001795000000123_00000000000000042",
        "000179500000012a_0000000000000042", "+001795000000123_0000000000000042", "0001795000000123_-000000000000042",
        " 001795000000123_0000000000000042",
        "00017950000001230000000000000042", "０00179500000012_0000000000000042", "0001795000000123_0000000000000042\n",
    ])
    func `any other text is no offset`(text: String) {
        #expect(Offset(text) == nil)
        #expect(throws: StoreError.self) { try Cursor(text) }
    }

    @Test func `a cursor is an offset or a number`() throws {
        #expect(try Cursor("0") == .seq(0))
        #expect(try Cursor("42") == .seq(42))
        #expect(try Cursor("9223372036854775807") == .seq(.max))
        #expect(try Cursor("0001795000000123_0000000000000042") == .offset(Offset(milliseconds: 1_795_000_000_123, seq: 42)))
        #expect(try Cursor("0001795000000123_0000000000000042").seq == 42)
        #expect(try Cursor("7").seq == 7)
        for text in ["-1", "+1", "1.0", "1e3", "0x1", "9223372036854775808", " 1", "1 ", "now", "١"] {
            #expect(#expect(throws: StoreError.self) { try Cursor(text) }?.code == .invalidCursor)
        }
    }

    // MARK: - What is gone

    private func record(floor: Int, tail: Int) throws -> SessionRecord {
        SessionRecord(
            key: try SessionKey(app: "a", user: "u", id: "s"), title: nil, status: .active, version: 1, createdAt: Timestamp(milliseconds: 0),
            updatedAt: Timestamp(milliseconds: 0), expiresAt: nil, ttl: nil, eventCount: tail - floor,
            tail: Offset(milliseconds: tail * 10, seq: tail), floor: Offset(milliseconds: floor * 10, seq: floor), generation: "0123456789abcdef",
            tags: [], metadata: .emptyObject, participants: .emptyArray, activeAgent: nil)
    }

    @Test func `a cursor is refused before the floor, behind the tail, and with another time`() throws {
        let record = try record(floor: 3, tail: 6)
        for seq in 0...8 {
            let isKept = seq == 0 || (3...6).contains(seq)
            let known = (4...5).contains(seq) ? seq * 10 : nil
            #expect((record.refusal(of: .seq(seq), millisecondsAtSeq: known) == nil) == isKept, "seq \(seq)")
            let right = Cursor.offset(Offset(milliseconds: seq * 10, seq: seq))
            #expect((record.refusal(of: right, millisecondsAtSeq: known) == nil) == isKept, "offset \(seq)")
            let wrong = Cursor.offset(Offset(milliseconds: seq * 10 + 1, seq: seq))
            #expect((record.refusal(of: wrong, millisecondsAtSeq: known) == nil) == (seq == 0), "wrong offset \(seq)")
        }
        // A place of which nothing is known is gone too.
        #expect(record.refusal(of: .offset(Offset(milliseconds: 40, seq: 4)), millisecondsAtSeq: nil) != nil)
        let refusal = try #require(record.refusal(of: .seq(1), millisecondsAtSeq: nil))
        #expect(refusal.code == .offsetGone)
        #expect(refusal.detail == .gone(earliest: record.floor, tail: record.tail, generation: record.generation))
    }

    @Test func `an id that the store made says its seq, to its own generation`() throws {
        let record = try record(floor: 0, tail: 9)
        #expect(record.madeID(forSeq: 7) == "0123456789abcdef-7")
        func seq(_ id: String) -> Int? { SessionRecord.seq(inMadeID: id, generation: record.generation) }
        for number in [1, 9, 10, 123_456, Int.max] { #expect(seq(record.madeID(forSeq: number)) == number) }
        for id in [
            "", "7", "0123456789abcdef", "0123456789abcdef-", "0123456789abcdef-0", "0123456789abcdef-07", "0123456789abcdef--7",
            "0123456789abcdef-+7", "0123456789abcdef-7 ", "0123456789abcdef-7a", "0123456789abcdef_7", "0123456789abcde-7", "fedcba9876543210-7",
            "0123456789ABCDEF-7", "0123456789abcdef-9223372036854775808", "0123456789abcdef-٧",
        ] { #expect(seq(id) == nil, "\(id)") }
    }
}

internal import BatonIO

/// The commands of one connection: who waits for which reply, until when, and which bytes have not left yet.
///
/// Invariant: replies arrive in the order of the commands, so the first slot owns the next reply, always. A caller that gives up leaves its
/// slot behind when its bytes have left, to swallow the reply; when they have not, slot and bytes are taken out, and the server never
/// sees the command. `Waiter` is whatever resumes a caller; tests use numbers.
struct CommandQueue<Waiter: Sendable>: Sendable {
    /// What a caller gets.
    enum Outcome: Sendable {
        case reply(RedisReply)
        case replies([RedisReply])
        case failure(RedisError)
    }

    typealias Delivery = (waiter: Waiter, outcome: Outcome)

    private struct Slot: Sendable {
        /// Nil when the caller has given up.
        var waiter: Waiter?
        let ticket: UInt64
        let deadline: Deadline
        /// Replies still to come.
        var missing: Int
        let expected: Int
        /// Bytes in `outbound`, as long as they have not left.
        let byteCount: Int
        var collected: [RedisReply]
    }

    let maximumCommands: Int
    let maximumBytes: Int
    private var slots = Ring<Slot>()
    /// How many slots from the front have had their bytes sent.
    private var sent = 0
    private var outbound = RESPEncoder()

    init(maximumCommands: Int, maximumBytes: Int) {
        self.maximumCommands = maximumCommands
        self.maximumBytes = maximumBytes
    }

    /// Slots whose replies have not arrived.
    var count: Int { slots.count }
    /// Slots whose bytes have left and whose replies have not arrived.
    var inFlight: Int { sent }
    /// Slots whose bytes have not left.
    var unsent: Int { slots.count - sent }
    /// Whether there are bytes to send.
    var hasOutbound: Bool { !outbound.bytes.isEmpty }
    /// How many bytes there are to send.
    var outboundCount: Int { outbound.bytes.count }
    /// Whether anybody waits.
    var hasWaiters: Bool { (0..<slots.count).contains { slots[$0].waiter != nil } }

    /// Adds commands that belong together; their waiter gets all their replies at once.
    /// - Throws: ``RedisError`` with the code `queueFull`; nothing was added then.
    mutating func enqueue(
        _ waiter: Waiter?, ticket: UInt64, deadline: Deadline, expecting expected: Int = 1, _ write: (inout RESPEncoder) -> Void
    ) throws(RedisError) {
        guard slots.count < maximumCommands else {
            throw RedisError(.queueFull, "\(maximumCommands) commands wait on this connection already")
        }
        guard outbound.bytes.count < maximumBytes else {
            throw RedisError(.queueFull, "\(outbound.bytes.count) bytes wait for being sent on this connection already")
        }
        let before = outbound.bytes.count
        write(&outbound)
        slots.append(
            Slot(
                waiter: waiter, ticket: ticket, deadline: deadline, missing: expected, expected: expected,
                byteCount: outbound.bytes.count - before, collected: []))
    }

    /// Hands out the bytes to send and counts their commands as sent. `buffer` is an empty array whose memory is used for the next ones.
    mutating func takeOutbound(replacing buffer: [UInt8]) -> [UInt8] {
        var bytes = buffer
        swap(&bytes, &outbound.bytes)
        sent = slots.count
        return bytes
    }

    /// Takes a reply; nil when its command waits for more of them, or when nobody waits any more.
    /// - Throws: ``RedisError`` when no command was sent that this could be the reply of. The connection has no meaning then.
    mutating func receive(_ reply: RedisReply) throws(RedisError) -> Delivery? {
        guard sent > 0 else { throw RedisError(.protocolViolation, "the server sent a reply that nobody asked for") }
        if slots[0].expected == 1 {
            let slot = slots.popFirst()
            sent -= 1
            return (slot?.waiter).map { ($0, .reply(reply)) }
        }
        slots[0].collected.append(reply)
        slots[0].missing -= 1
        guard slots[0].missing == 0, let slot = slots.popFirst() else { return nil }
        sent -= 1
        return slot.waiter.map { ($0, .replies(slot.collected)) }
    }

    /// A caller gives up.
    mutating func cancel(_ ticket: UInt64, _ error: RedisError) -> Delivery? {
        // From the back: who gives up has most often just come.
        var index = slots.count - 1
        while index >= 0 {
            if slots[index].ticket == ticket, let waiter = slots[index].waiter {
                let wasSent = index < sent
                slots[index].waiter = nil
                if !wasSent { dropUnsentAbandoned() }
                return (waiter, .failure(error.sent(wasSent)))
            }
            index -= 1
        }
        return nil
    }

    /// Callers whose deadline has passed give up. O(n).
    mutating func expire(at now: Deadline, reason: RedisError? = nil) -> [Delivery] {
        var deliveries: [Delivery] = []
        var unsent = false
        for index in 0..<slots.count where slots[index].deadline <= now {
            guard let waiter = slots[index].waiter else { continue }
            let wasSent = index < sent
            slots[index].waiter = nil
            unsent = unsent || !wasSent
            let error = wasSent ? RedisError(.timeout, "no reply before the deadline", wasSent: true) : reason ?? Self.notSent
            deliveries.append((waiter, .failure(error.sent(wasSent))))
        }
        if unsent { dropUnsentAbandoned() }
        return deliveries
    }

    private static var notSent: RedisError { RedisError(.timeout, "the command could not be sent before the deadline") }

    /// The earliest deadline of anybody waiting. O(n).
    var nextDeadline: Deadline {
        var earliest = Deadline.never
        for index in 0..<slots.count where slots[index].waiter != nil { earliest = min(earliest, slots[index].deadline) }
        return earliest
    }

    /// The connection is gone: commands that were sent fail, those that were not stay for the next one.
    mutating func failSent(_ error: RedisError) -> [Delivery] {
        var deliveries: [Delivery] = []
        while sent > 0, let slot = slots.popFirst() {
            sent -= 1
            if let waiter = slot.waiter { deliveries.append((waiter, .failure(error.sent(true)))) }
        }
        return deliveries
    }

    /// Nothing will be sent any more.
    mutating func failAll(_ error: RedisError) -> [Delivery] {
        var deliveries = failSent(error)
        while let slot = slots.popFirst() {
            if let waiter = slot.waiter { deliveries.append((waiter, .failure(error.sent(false)))) }
        }
        outbound = RESPEncoder()
        return deliveries
    }

    /// Takes out what was not sent and nobody waits for, bytes and all.
    private mutating func dropUnsentAbandoned() {
        var kept: [UInt8] = []
        kept.reserveCapacity(outbound.bytes.count)
        var offset = 0
        for index in sent..<slots.count {
            let slot = slots[index]
            if slot.waiter != nil { kept.append(contentsOf: outbound.bytes[offset..<offset + slot.byteCount]) }
            offset += slot.byteCount
        }
        outbound.bytes = kept
        slots.removeAll(from: sent) { $0.waiter == nil }
    }
}

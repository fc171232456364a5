internal import Glibc

/// Bytes that wait to be sent: whole arrays, shared with whoever else sends them, of which the first may be partly gone.
struct OutboundQueue {
    private var chunks: [[UInt8]] = []
    private var head = 0
    private var headOffset = 0

    /// Bytes that wait.
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// The most chunks one system call takes.
    static let chunksPerWrite = 64

    mutating func append(_ chunk: [UInt8], from offset: Int = 0) {
        guard offset < chunk.count else { return }
        if isEmpty {
            headOffset = offset
            count = chunk.count - offset
        } else {
            // Only the first chunk may have an offset: a later one is cut.
            count += chunk.count - offset
        }
        chunks.append(offset == 0 || chunks.isEmpty ? chunk : Array(chunk[offset...]))
    }

    /// Drops `sent` bytes from the front.
    mutating func consume(_ sent: Int) {
        count -= sent
        guard count > 0 else {
            removeAll()
            return
        }
        var left = sent
        while left > 0 {
            let available = chunks[head].count - headOffset
            if left < available {
                headOffset += left
                break
            }
            left -= available
            chunks[head] = []
            head += 1
            headOffset = 0
        }
        // Compacting at half keeps the array as long as twice the waiting chunks, at O(1) a chunk.
        if head >= 32, head * 2 >= chunks.count {
            chunks.removeFirst(head)
            head = 0
        }
    }

    mutating func removeAll() {
        chunks = []
        head = 0
        headOffset = 0
        count = 0
    }

    /// How many bytes wait in the first chunk.
    var firstCount: Int { isEmpty ? 0 : chunks[head].count - headOffset }

    /// Calls `body` with the first chunk that waits.
    func withFirst<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        chunks[head].withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[headOffset...])) }
    }

    /// Copies the first bytes that wait into `buffer`; how many.
    func copyFirst(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        var filled = 0
        var index = head
        var offset = headOffset
        while index < chunks.count, filled < buffer.count {
            let part = chunks[index][offset...].prefix(buffer.count - filled)
            UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]).copyBytes(from: part)
            filled += part.count
            index += 1
            offset = 0
        }
        return filled
    }

    /// Calls `body` with up to `chunksPerWrite` chunks as the vector of writev(2).
    func withVector<Result>(_ body: (UnsafeBufferPointer<iovec>) -> Result) -> Result {
        let limit = min(chunks.count - head, Self.chunksPerWrite)
        return withUnsafeTemporaryAllocation(of: iovec.self, capacity: limit) { vector in
            // One nested call a chunk, because a pointer into an array is valid only inside its own.
            func fill(_ index: Int) -> Result {
                guard index < limit else { return body(UnsafeBufferPointer(rebasing: vector[..<index])) }
                return chunks[head + index].withUnsafeBytes { bytes in
                    let part = index == 0 ? UnsafeRawBufferPointer(rebasing: bytes[headOffset...]) : bytes
                    vector.initializeElement(
                        at: index, to: iovec(iov_base: UnsafeMutableRawPointer(mutating: part.baseAddress), iov_len: part.count))
                    return fill(index + 1)
                }
            }
            return fill(0)
        }
    }
}

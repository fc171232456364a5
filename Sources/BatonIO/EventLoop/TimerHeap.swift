/// A piece of work for a moment to come. Belongs to the thread of the loop that made it.
public final class Timer {
    let deadline: Deadline
    /// Equal deadlines fire in the order in which they were set.
    let order: UInt64
    /// Position in the heap, or -1 once fired or cancelled.
    fileprivate(set) var index = -1
    private var action: (() -> Void)?
    /// Called instead of the action when the loop ends first.
    private var dropped: (() -> Void)?
    private unowned(unsafe) let loop: EventLoop

    init(deadline: Deadline, order: UInt64, loop: EventLoop, action: @escaping () -> Void, dropped: (() -> Void)?) {
        self.deadline = deadline
        self.order = order
        self.loop = loop
        self.action = action
        self.dropped = dropped
    }

    /// Forgets the work; nothing happens if it has been done or cancelled. O(log n).
    public func cancel() {
        guard index >= 0 else { return }
        // A timer in the heap keeps `loop` valid: the loop owns the heap and empties it before it goes.
        assert(loop.isCurrent)
        loop.timers.remove(self)
        action = nil
        dropped = nil
    }

    /// Does the work, or what was to be done in its place because the loop ends.
    func fire(dropping: Bool = false) {
        let work = dropping ? dropped : action
        action = nil
        dropped = nil
        work?()
    }
}

/// Timers ordered by deadline: a binary heap whose members know their position, so that cancelling leaves nothing behind.
struct TimerHeap {
    private var heap: [Timer] = []

    /// The timer that is due first.
    var first: Timer? { heap.first }

    var count: Int { heap.count }

    mutating func insert(_ timer: Timer) {
        heap.append(timer)
        timer.index = heap.count - 1
        siftUp(timer.index)
    }

    mutating func remove(_ timer: Timer) {
        let hole = timer.index
        guard hole >= 0 else { return }
        timer.index = -1
        let last = heap.removeLast()
        guard last !== timer else { return }
        heap[hole] = last
        last.index = hole
        siftUp(hole)
        siftDown(last.index)
    }

    /// Takes out the first timer if it is due at `now`.
    mutating func popDue(at now: Deadline) -> Timer? {
        guard let timer = heap.first, timer.deadline <= now else { return nil }
        remove(timer)
        return timer
    }

    /// Takes everything out.
    mutating func removeAll() -> [Timer] {
        let all = heap
        heap = []
        for timer in all { timer.index = -1 }
        return all
    }

    private func precedes(_ left: Timer, _ right: Timer) -> Bool {
        left.deadline == right.deadline ? left.order < right.order : left.deadline < right.deadline
    }

    private mutating func siftUp(_ start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard precedes(heap[index], heap[parent]) else { return }
            exchange(index, parent)
            index = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var index = start
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < heap.count && precedes(heap[child], heap[least]) {
                least = child
            }
            guard least != index else { return }
            exchange(index, least)
            index = least
        }
    }

    private mutating func exchange(_ left: Int, _ right: Int) {
        heap.swapAt(left, right)
        heap[left].index = left
        heap[right].index = right
    }
}

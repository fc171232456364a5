/// A first-in, first-out queue whose elements keep their place in memory: appending and taking cost O(1) and no allocation once grown.
struct Ring<Element: Sendable>: Sendable {
    private var storage: [Element?] = []
    private var head = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    private func place(_ index: Int) -> Int { (head + index) & (storage.count - 1) }

    /// The element at a position counted from the first.
    subscript(index: Int) -> Element {
        get {
            precondition(index < count)
            // Every place before `count` holds an element.
            return storage[place(index)]!
        }
        set {
            precondition(index < count)
            storage[place(index)] = newValue
        }
    }

    mutating func append(_ element: Element) {
        if count == storage.count { grow() }
        storage[place(count)] = element
        count += 1
    }

    mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = storage[head]
        storage[head] = nil
        head = (head + 1) & (storage.count - 1)
        count -= 1
        return element
    }

    /// Removes the elements from `start` on for which the condition holds, keeping the order of the others. O(n).
    mutating func removeAll(from start: Int, where isRemoved: (Element) -> Bool) {
        var kept = start
        for index in start..<count {
            let element = self[index]
            if isRemoved(element) { continue }
            storage[place(kept)] = element
            kept += 1
        }
        for index in kept..<count { storage[place(index)] = nil }
        count = kept
    }

    /// The size is a power of two, so that positions wrap with a mask.
    private mutating func grow() {
        var larger: [Element?] = []
        larger.reserveCapacity(max(16, storage.count * 2))
        for index in 0..<count { larger.append(storage[place(index)]) }
        larger.append(contentsOf: repeatElement(nil, count: max(16, storage.count * 2) - count))
        storage = larger
        head = 0
    }
}

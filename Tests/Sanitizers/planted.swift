import Synchronization

// Two programs that scripts/sanitize runs before it believes the sanitizer: threads that count behind a Mutex, of which nothing may be reported, and
// threads that count without one, which has to be.

final class Guarded: Sendable {
    private let numbers = Mutex<[Int]>([])

    func add(_ number: Int) {
        numbers.withLock { numbers in
            numbers.append(number)
            if numbers.count > 64 { numbers.removeAll(keepingCapacity: true) }
        }
    }
}

final class Unguarded: @unchecked Sendable {
    private var number = 0

    func add() { number += 1 }
}

@main
enum Planted {
    static func main() async {
        let (guarded, unguarded) = (Guarded(), Unguarded())
        let isRacy = CommandLine.arguments.dropFirst().first == "race"
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for number in 0..<20_000 { isRacy ? unguarded.add() : guarded.add(number) }
                }
            }
        }
        print("done")
    }
}

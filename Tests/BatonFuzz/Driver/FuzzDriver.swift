import Dispatch
import Glibc

// What libFuzzer's main calls (FuzzerInterface.h). BATON_FUZZ_TARGET names the target.

private let target: FuzzTarget = {
    guard let name = getenv("BATON_FUZZ_TARGET"), let target = FuzzTarget(rawValue: String(cString: name)) else {
        print("BATON_FUZZ_TARGET has to be one of: \(FuzzTarget.allCases.map(\.rawValue).joined(separator: ", "))")
        exit(64)
    }
    return target
}()

/// Tries one input. A violation ends the program as a trap would; libFuzzer then keeps the input.
@_cdecl("LLVMFuzzerTestOneInput")
public func tryInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let target = target
    let ended = DispatchSemaphore(value: 0)
    Task.detached {
        do throws(Violation) { try await target.run(bytes) } catch {
            print("VIOLATION: \(error)")
            fflush(nil)
            abort()
        }
        ended.signal()
    }
    ended.wait()
    return 0
}

internal import BatonIO
internal import Glibc

/// What this process has used and holds.
enum ProcessUsage {
    /// Memory that is resident now, in bytes.
    static var residentBytes: Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, 128, file) != nil else { return 0 }
        let fields = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self).split(separator: " ")
        return (fields.dropFirst().first.flatMap { Int($0) } ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Processor time of all threads so far, in nanoseconds.
    static var processorNanoseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Starts this program again with other arguments.
    static func spawn(_ arguments: [String]) throws -> pid_t {
        var pid: pid_t = 0
        let words = ["/proc/self/exe"] + arguments
        var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        let failure = posix_spawn(&pid, "/proc/self/exe", nil, nil, &pointers, environ)
        guard failure == 0 else { throw IOError(errorNumber: failure, while: "start \(arguments.joined(separator: " "))") }
        return pid
    }
}

internal import Baton
internal import BatonCore
internal import BatonHTTP
internal import BatonIO
internal import BatonSQLite
internal import BatonServer

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Is the store there, sound, and willing?
struct StoreChecks {
    private let invocation: Invocation

    init(_ invocation: Invocation) { self.invocation = invocation }

    func findings() async -> [Finding] {
        let address: StoreAddress
        do throws(StoreError) { address = try StoreAddress(invocation[CommonOptions.store]) } catch {
            return [.error("store", error.message, do: "Correct --store or BATON_STORE.", exitCode: .usage)]
        }
        switch address {
        case .memory:
            return [.warning("store", "in memory: everything is gone when the process ends", do: "Name a file with --store sqlite:PATH.")]
        case .sqlite(let path): return await file(path)
        case .redis(let url): return await RedisChecks(url, invocation).findings()
        case .daemon(let url): return await daemon(url)
        }
    }

    // MARK: - A file

    private func file(_ path: String) async -> [Finding] {
        guard access(path, F_OK) == 0 else {
            guard access(DiskSpace.directory(of: path), W_OK | X_OK) == 0 else {
                return [
                    .error(
                        "store", "\(path) is not there, and its directory cannot be written: \(String(cString: strerror(errno)))",
                        do: "Make the directory, or let this user write to it.", exitCode: .notPermitted)
                ]
            }
            return [.warning("store", "\(path) is not there yet", do: "baton serve, or the first append, makes it."), DiskSpace.finding(at: path)]
        }
        var findings: [Finding] = []
        do throws(StoreError) {
            let report = try SQLiteFileReport(examining: path)
            findings.append(
                .ok(
                    "store",
                    "\(path): layout \(report.layout) of \(report.currentLayout), \(ByteSize.text(report.bytes)), SQLite \(report.libraryVersion)"))
            findings.append(
                report.damage.map { .error("integrity", "the file is damaged: \($0)", do: "Stop writing to it, keep a copy, restore a backup.") }
                    ?? .ok("integrity", "SQLite's quick check found nothing"))
            findings.append(log(report))
            findings.append(
                report.permissions & 0o077 == 0
                    ? .ok("permissions", "only its owner can read it")
                    : .warning(
                        "permissions", "others than its owner can reach it (mode \(String(report.permissions, radix: 8)))",
                        do: "chmod 600 \(path): it holds conversations."))
        } catch {
            return [.error("store", error.message, do: advice(for: error), exitCode: ExitCode(error.code)), DiskSpace.finding(at: path)]
        }
        if !findings.contains(where: { $0.severity == .error }) { findings.append(await health()) }
        return findings + [DiskSpace.finding(at: path)]
    }

    private func log(_ report: SQLiteFileReport) -> Finding {
        guard report.logBytes > 256 << 20 else { return .ok("log", "the write-ahead log has \(ByteSize.text(report.logBytes))") }
        return .warning(
            "log", "the write-ahead log has \(ByteSize.text(report.logBytes))",
            do: "Something keeps it from being copied back: look for a process that holds a long read, or restart the daemon.")
    }

    // MARK: - A daemon

    private func daemon(_ url: String) async -> [Finding] {
        let start = ContinuousClock.now
        var findings = [await health()]
        guard findings[0].severity != .error else { return findings }
        let milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
        findings.append(.ok("latency", "the daemon and its store answered in \(Int(milliseconds.rounded(.up))) ms"))
        findings.append(await version(url))
        findings.append(await credentials())
        return findings
    }

    private func version(_ url: String) async -> Finding {
        do {
            let client = try HTTPClient(url)
            let reply = try await client.send(Request(.get, "/openapi.json"), by: .after(.seconds(5)))
            await client.close()
            guard let version = try JSON(reply.body)["info"]?["version"]?.stringValue else { throw Failure(.unavailable, "no version") }
            guard version != Daemon.version else { return .ok("version", "the daemon has version \(version), as this program") }
            return .warning("version", "the daemon has version \(version), this program \(Daemon.version)", do: "Use the same version on both sides.")
        } catch {
            return .warning("version", "the daemon does not say which version it has", do: "Is this address one of a Baton daemon?")
        }
    }

    private func credentials() async -> Finding {
        let isGiven = (try? invocation.storeConfiguration().token) != nil
        do {
            return try await withStore { (store) throws(StoreError) in
                _ = try await store.sessions(SessionQuery(of: .app("baton-doctor"), limit: 1))
                return .ok("token", isGiven ? "the daemon takes it" : "the daemon asks for none")
            }
        } catch let error as StoreError where error.code == .notFound {
            return .ok("token", "the daemon takes it; it is limited to some apps or users")
        } catch let error as StoreError where error.code == .unauthenticated {
            return .error(
                "token", error.message,
                do: isGiven
                    ? "It may be revoked, expired, or another daemon's: baton tokens list, where the store is."
                    : "Set BATON_TOKEN or --token-file; baton tokens create makes one, where the store is.", exitCode: .notPermitted)
        } catch {
            return .error("token", Failure(error).message, do: "Look at the daemon's log.")
        }
    }

    // MARK: - Either

    private func health() async -> Finding {
        do {
            return try await withStore { (store) throws(StoreError) in
                try await store.checkHealth()
                return .ok("health", "the store can be read and written")
            }
        } catch let error as StoreError {
            return .error("health", error.message, do: advice(for: error), exitCode: ExitCode(error.code))
        } catch {
            return .error("health", Failure(error).message, do: "Correct the option.", exitCode: .usage)
        }
    }

    private func withStore(_ body: (SessionStore) async throws(StoreError) -> Finding) async throws -> Finding {
        let store = try await SessionStore.open(invocation.storeAddress(), configuration: invocation.storeConfiguration())
        do throws(StoreError) {
            let finding = try await body(store)
            await store.close()
            return finding
        } catch {
            await store.close()
            throw error
        }
    }

    private func advice(for error: StoreError) -> String {
        switch error.code {
        case .storeCorrupt: "Stop writing to it, keep a copy, restore a backup."
        case .storeIncompatible: "Name another store, or use the version that made this one."
        case .busy: "Another process holds the file for long; find it with: fuser FILE"
        case .unauthenticated, .forbidden: "Set BATON_TOKEN or --token-file."
        case .invalidParameter: "Correct the option."
        default: "Is the daemon running, is the address right, may this user read and write the file?"
        }
    }
}

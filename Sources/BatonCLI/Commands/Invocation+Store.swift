internal import Baton
internal import BatonCore

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

extension Invocation {
    /// Where the command's data and words go.
    var console: Console { Console(json: self[CommonOptions.json]) }

    /// Where the store is.
    func storeAddress() throws -> StoreAddress {
        do throws(StoreError) { return try StoreAddress(self[CommonOptions.store]) } catch {
            throw UsageError(message: "--store: \(error.message)", command: path.text)
        }
    }

    /// How the store is opened.
    func storeConfiguration() throws -> StoreConfiguration {
        var configuration = StoreConfiguration()
        configuration.policy.maximumEvents = self[KeepingOptions.maximumEvents]
        configuration.policy.blobThreshold = self[KeepingOptions.blobThreshold].bytes
        configuration.policy.sessionTTL = try self[KeepingOptions.sessionTTL]?.lifetime("--session-ttl")
        configuration.policy.requiresTTL = self[KeepingOptions.requireTTL]
        configuration.policy.userStateTTL = try self[KeepingOptions.userStateTTL]?.lifetime("--user-state-ttl")
        configuration.policy.appStateTTL = try self[KeepingOptions.appStateTTL]?.lifetime("--app-state-ttl")
        configuration.policy.readsExtendLife = self[KeepingOptions.slidingReads]
        configuration.durability = self[KeepingOptions.durability]
        let address = try storeAddress()
        do throws(StoreError) { try configuration.check(for: address) } catch {
            throw UsageError(message: "--durability: \(error.message)", command: path.text)
        }
        configuration.keyPrefix = self[CommonOptions.keyPrefix]
        configuration.shards = self[CommonOptions.shards]
        configuration.streams = self[CommonOptions.streams]?.keys ?? [:]
        configuration.token = try token()
        configuration.authorities = self[CommonOptions.authorities]
        return configuration
    }

    /// Opens the store for as long as `body` takes.
    /// - Parameter creating: whether a file that is not there is made.
    func withStore(creating: Bool = false, _ body: (SessionStore) async throws -> ExitCode) async throws -> ExitCode {
        let address = try storeAddress()
        if !creating, case .sqlite(let path) = address, access(path, F_OK) != 0, errno == ENOENT {
            throw Failure(
                .unavailable,
                "there is no store at \(TerminalText.quoted(path)); baton serve makes one, or name another with --store or BATON_STORE")
        }
        let store = try await SessionStore.open(address, configuration: storeConfiguration())
        do {
            let code = try await body(store)
            await store.close()
            return code
        } catch {
            await store.close()
            throw error
        }
    }

    /// The token for a daemon: that of the file, or of the variable.
    private func token() throws -> String? {
        if let file = self[CommonOptions.tokenFile] {
            let text = try LocalFile.text(file, upTo: 64 << 10)
            let token = text.split(whereSeparator: \.isWhitespace)
            guard token.count == 1 else {
                throw UsageError(message: "--token-file: \(TerminalText.quoted(file)) has to hold one token", command: path.text)
            }
            return String(token[0])
        }
        return ProcessEnvironment.variables[CommonOptions.tokenVariable].flatMap { $0.isEmpty ? nil : $0 }
    }
}

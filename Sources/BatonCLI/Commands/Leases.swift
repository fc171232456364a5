internal import BatonCore

extension Command {
    static let lease = Command(
        name: "lease", summary: "Take turns in a session: one writer at a time",
        discussion: """
            While a worker holds the lease of a session, writes that do not show its epoch are refused. A worker that was stopped for longer \
            than its lease can change nothing when it comes back: its epoch is over. Every command that changes a session takes --epoch.

            Choose what happens when somebody else has the lease: be refused (exit code 75), wait in line with --wait, or take over with \
            --steal, which fences the other one. Sessions with --lease-policy advisory let writes without an epoch pass.
            """,
        commands: [.acquireLease, .renewLease, .releaseLease, .showLease])

    private static let acquireLease = Command(
        name: "acquire", summary: "Acquire the right to write a session, and print its epoch",
        discussion: """
            Each worker needs a holder's name of its own: whoever asks again by the same name gets a new epoch, and the old one is over, so \
            that a worker that was restarted fences what is left of its predecessor.
            """,
        examples: [
            Example(line: "baton lease acquire demo/ann/first --holder worker-7 --ttl 1m", meaning: "For a minute, unless it is renewed"),
            Example(line: "baton lease acquire demo/ann/first --holder worker-7 --wait 30s", meaning: "Stand in line for up to 30 seconds"),
            Example(
                line: "export BATON_EPOCH=$(baton lease acquire demo/ann/first --holder me --json | jq .epoch)",
                meaning: "Every later command of this shell shows it"),
        ],
        options: [LeaseOptions.holder.declaration, LeaseOptions.ttl.declaration, LeaseOptions.wait.declaration, LeaseOptions.steal.declaration]
            + OwnerOptions.declarations,
        arguments: [SessionName.argument]
    ) { invocation in
        let key = try invocation.session()
        guard let holder = invocation[LeaseOptions.holder] else {
            throw UsageError(message: "\(invocation.path.text) needs --holder: a name that no other worker has", command: invocation.path.text)
        }
        return try await invocation.withStore { store in
            let lease = try await store.acquireLease(
                on: key, for: holder, ttl: invocation[LeaseOptions.ttl], waiting: invocation[LeaseOptions.wait],
                stealing: invocation[LeaseOptions.steal])
            try invocation.console.print(lease)
            return .success
        }
    }

    private static let renewLease = Command(
        name: "renew", summary: "Let a lease last longer, counted from now",
        examples: [Example(line: "baton lease renew demo/ann/first --epoch 1795000000001 --ttl 1m", meaning: "A minute from now")],
        options: [LeaseOptions.epoch.declaration, LeaseOptions.ttl.declaration] + OwnerOptions.declarations, arguments: [SessionName.argument]
    ) { invocation in
        let key = try invocation.session()
        let epoch = try invocation.leaseEpoch()
        return try await invocation.withStore { store in
            try invocation.console.print(try await store.renewLease(epoch, on: key, for: invocation[LeaseOptions.ttl]))
            return .success
        }
    }

    private static let releaseLease = Command(
        name: "release", summary: "Give a lease back before it expires",
        examples: [Example(line: "baton lease release demo/ann/first --epoch 1795000000001", meaning: "The next in line gets it")],
        options: [LeaseOptions.epoch.declaration] + OwnerOptions.declarations, arguments: [SessionName.argument]
    ) { invocation in
        let key = try invocation.session()
        let epoch = try invocation.leaseEpoch()
        return try await invocation.withStore { store in
            try await store.releaseLease(epoch, on: key)
            return .success
        }
    }

    private static let showLease = Command(
        name: "show", summary: "Show who holds the lease of a session", options: OwnerOptions.declarations, arguments: [SessionName.argument]
    ) { invocation in
        let key = try invocation.session()
        return try await invocation.withStore { store in
            guard let lease = try await store.get(key).record.lease else {
                invocation.console.say("Nobody holds the lease.")
                return .success
            }
            try invocation.console.print(lease)
            return .success
        }
    }
}

/// What the commands about leases take, and those that write under one.
enum LeaseOptions {
    static let holder = Option<String?>("holder", "NAME", help: "Who gets the lease; a name that no other worker has", traits: variable)
    static let ttl = Option<Duration>(
        "ttl", "TIME", default: .seconds(30), in: .seconds(1) ... .seconds(3600), help: "How long the lease lasts unless it is renewed",
        traits: OptionTraits(settable: .flagOnly))
    static let wait = Option<Duration>(
        "wait", "TIME", default: .zero, in: .zero...SessionStore.longestWait, help: "How long to wait in line while somebody else has it",
        traits: OptionTraits(settable: .flagOnly))
    static let steal = Option<Bool>.flag("steal", help: "Take it from whoever has it", traits: OptionTraits(settable: .flagOnly))
    static let epoch = Option<Int?>(
        "epoch", "EPOCH", in: 0...Int.max, help: "The epoch of the lease that you hold, as lease acquire prints it", traits: variable)
    static let policy = Option<LeasePolicy?>(
        "lease-policy", "POLICY", help: "What becomes of writes without an epoch while somebody holds the lease",
        traits: OptionTraits(settable: .flagOnly))

    private static let variable = OptionTraits(settable: .variable)
}

extension LeasePolicy: ArgumentValue {}

extension Invocation {
    /// The epoch that a command about a lease is about.
    fileprivate func leaseEpoch() throws(UsageError) -> Int {
        guard let epoch = self[LeaseOptions.epoch] else {
            throw UsageError(message: "\(path.text) needs --epoch, as lease acquire printed it", command: path.text)
        }
        return epoch
    }
}

extension Console {
    fileprivate func print(_ lease: Lease) throws {
        switch format {
        case .ndjson:
            var writer = JSONWriter(reserving: 160)
            writer.lease(lease)
            try write(json: writer.bytes)
        case .table:
            try write("epoch \(lease.epoch)  \(TerminalText.safe(lease.holder))  until \(lease.expiresAt)\n")
        }
    }
}

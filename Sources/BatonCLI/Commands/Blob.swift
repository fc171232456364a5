internal import BatonCore

extension Command {
    static let blob = Command(
        name: "blob", summary: "Print one large content that is kept apart from its event",
        examples: [
            Example(line: "baton events demo/ann/first --blobs reference", meaning: "What there is, contents of events by their digests"),
            Example(line: "baton blob demo/ann/first \(String(repeating: "0af9", count: 16))", meaning: "One of them, as it was written"),
        ],
        options: OwnerOptions.declarations,
        arguments: [SessionName.argument, Argument(name: "DIGEST", help: "the sha256 of an event's blob")]
    ) { invocation in
        let key = try invocation.session()
        guard let digest = BlobDigest(invocation[argument: "DIGEST"] ?? "") else {
            throw UsageError(message: "DIGEST: 64 hexadecimal digits in lower case, the sha256 of an event's blob", command: invocation.path.text)
        }
        return try await invocation.withStore { store in
            try invocation.console.write(json: try await store.blob(digest, in: key).bytes)
            return .success
        }
    }
}

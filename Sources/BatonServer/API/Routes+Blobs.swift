internal import BatonCore
internal import BatonHTTP

extension Route {
    static let blobs: [Route] = [
        .get(
            session + "/blobs/{digest}", "getBlob",
            "One large content that is kept apart from its event, as it was written; {digest} is the sha256 of the event's blob under blobs=reference.",
            responses: [(200, "Value")]
        ) { api, call in
            guard let digest = BlobDigest(call.variables[3]) else {
                throw StoreError(.invalidParameter, "the digest of a content has 64 hexadecimal digits in lower case")
            }
            return .json(200, try await api.store.blob(digest, in: call.session()))
        }
    ]
}

extension Route.Parameter {
    static let blobs = query(
        "blobs", "string",
        "whole (default): events with their contents; reference: large contents that are kept apart stay there, and the event has blob instead of content."
    )
}

extension Call {
    /// How contents that are kept apart are wanted.
    func blobView() throws -> BlobView { try choice("blobs", default: .whole)! }
}

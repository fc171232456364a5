import BatonCore

/// What `baton doctor` found.
struct Diagnosis {
    let status: Int32
    let findings: [JSON]

    /// Runs the doctor.
    init(_ store: String, _ options: String = "") async throws {
        let result = try await BatonProcess.run("doctor \(options)", store: store)
        status = result.status
        findings = try result.json().filter { $0["check"] != nil }
    }

    /// Severities of all findings of a check.
    func severities(_ check: String) -> [String] { matching(check).compactMap { $0["status"]?.stringValue } }

    /// The details of a check, one after the other.
    func detail(_ check: String) -> String { matching(check).compactMap { $0["detail"]?.stringValue }.joined(separator: "; ") }

    func advice(_ check: String) -> String { matching(check).compactMap { $0["advice"]?.stringValue }.joined(separator: "; ") }

    /// The checks that are neither well nor only measured by chance.
    var troubles: [String] {
        findings.filter { $0["status"]?.stringValue != "ok" }.compactMap { $0["check"]?.stringValue }.filter {
            $0 != "latency" && $0 != "descriptors"
        }
    }

    private func matching(_ check: String) -> [JSON] { findings.filter { $0["check"]?.stringValue == check } }
}

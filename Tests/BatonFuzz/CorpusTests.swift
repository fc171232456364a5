import Foundation
import Testing

/// Inputs that once mattered: what `make fuzz` found, and one of each kind to begin from.
@Suite("Bytes from outside", .timeLimit(.minutes(2)))
struct CorpusTests {
    private static func files(_ target: FuzzTarget) -> [URL] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus/\(target.rawValue)")
        return ((try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? [])
            .sorted { $0.lastPathComponent < $1.lastPathComponent }
    }

    @Test("keep every promise that fuzzing has tried", arguments: FuzzTarget.allCases)
    func corpus(target: FuzzTarget) async throws {
        let files = Self.files(target)
        #expect(files.count >= 3, "there is something to begin from")
        for file in files {
            let bytes = [UInt8](try Data(contentsOf: file))
            do throws(Violation) { try await target.run(bytes) } catch {
                Issue.record("\(target.rawValue)/\(file.lastPathComponent): \(error)")
            }
        }
    }

    @Test("keep them cut off and with any byte changed", arguments: FuzzTarget.allCases)
    func neighbours(target: FuzzTarget) async throws {
        for file in Self.files(target) {
            let bytes = [UInt8](try Data(contentsOf: file)).prefix(512)
            var inputs = stride(from: 0, to: bytes.count, by: 7).map { Array(bytes.prefix($0)) }
            for index in stride(from: 0, to: bytes.count, by: 5) {
                for other: UInt8 in [0, 0x0D, 0x22, 0x2D, 0x39, 0xFF] {
                    var changed = Array(bytes)
                    changed[index] = other
                    inputs.append(changed)
                }
            }
            for input in inputs {
                do throws(Violation) { try await target.run(input) } catch {
                    Issue.record("\(target.rawValue)/\(file.lastPathComponent), changed to \(input): \(error)")
                    return
                }
            }
        }
    }
}

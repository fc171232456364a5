import BatonCore

/// Asks the same questions as the other workers and waits for the answers, and decides them, as the others do. Every fourth has a deadline that some
/// decisions miss.
///
/// Told are `answer`, session, key, the decision and by whom; and `decided` with the same, by the one whose decision was taken.
struct Approvals {
    let store: SessionStore
    let session: Session
    let holder: String

    func ask() async {
        var number = 0
        while true {
            do {
                if number.isMultiple(of: 4) {
                    let deadline = Timestamp(milliseconds: SystemClock.now().milliseconds + Int.random(in: 1...10))
                    let request = ApprovalRequest(key: "k\(number)", prompt: JSON(string: "in time?"), expiresAt: deadline)
                    // The first who asks says until when.
                    do { try await store.ask(request, in: session.key) } catch { guard error.code == .conflict else { throw error } }
                } else {
                    let answer = try await session.approval("k\(number)", prompt: JSON(string: "may it?"))
                    TurnWorker.say("answer \(session.key.id) k\(number) \(answer.decision ?? "none") \(answer.decidedBy ?? "nobody")")
                }
                number += 1
            } catch {
                await TurnWorker.pause(1000...5000)
            }
        }
    }

    func decide() async {
        var number = 0
        while true {
            let decision = Bool.random() ? Approval.approved : "rejected"
            await TurnWorker.pause(1000...12_000)
            do {
                let approval = try await store.decide("k\(number)", in: session.key, ApprovalDecision(decision, by: holder))
                TurnWorker.say("decided \(session.key.id) k\(number) \(approval.decision ?? "none") \(approval.decidedBy ?? "nobody")")
                number += 1
            } catch {
                // It was decided, or is too late: on to the next. It was not asked yet: again.
                if error.code == .conflict { number += 1 }
            }
        }
    }
}

/// The scripts of the storage. All that touch a session declare the same keys in the same order:
///
/// 1 session, 2 events, 3 ids, 4 edits, 5 requests, 6 and 7 the user's lists by change and by creation, 8 and 9 the application's,
/// 10 log, 11 state of the user, 12 fences of requests, and where one server keeps everything 13 state of the application.
///
/// Their ARGV begins alike: 1 the moment, nothing or a floor, 2 the token of this request, 3 nothing, or the number of the attempt and the age of the
/// request in milliseconds when it is sent again, 4 the member in the application's lists, 5 the member in the user's, 6 the name in the log, 7 and 8 the lifetimes of the state of users
/// and applications in seconds, 0 without end. That of scripts that change a session ends with the epoch that the caller shows, or nothing.
enum Scripts {}

/// What a script answers instead of 0.
enum Refusal: Int {
    case absent = -1
    case otherRequest = -2
    case precondition = -3
    case madeID = -4
    case changedMeanwhile = -5
    case unknownOutcome = -6
    case corrupt = -7
    case noEvent = -8
    case fenced = -9
    case busy = -10
    case lineIsFull = -11
    case otherAgent = -12
    case unsuited = -20
    case gone = -21
    case exists = -22
    case tooManyLogs = -23
    case tooManyRewinds = -24
    case toolCallHeld = -31
    case otherStep = -32
    case otherAttempt = -33
    case noToolCall = -34
    case tooManyCalls = -35
    case noCursor = -36
    case deadlineOver = -37
    case tooManyApprovals = -38
    case notDecider = -39
    case noApproval = -40
    case tooManyTracks = -41
    case trackListTooLarge = -42
    case summaryClaimed = -43
    case tooManySummaries = -44
    case summaryFenced = -45
    case summaryIsOlder = -46
    case summaryBeyond = -47
}

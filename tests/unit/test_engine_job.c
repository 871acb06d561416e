/* The table of states, written once more as sentences, and what must hold of a row in each state.
 */
#include "unit.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/engine/engine_private.h"

struct step {
    enum ym_state from;
    enum job_event by;
    enum ym_state to;
};

/* Everything else is refused. */
/* clang-format off */
static const struct step allowed[] = {
    /* how a job is born */
    {YM_JOB_NONE, JE_CREATED, YM_JOB_QUEUED}, {YM_JOB_NONE, JE_HOLD, YM_JOB_HELD},
    {YM_JOB_NONE, JE_REJECTED, YM_JOB_FAILED}, {YM_JOB_NONE, JE_ADOPTED, YM_JOB_DONE},
    /* nothing is sent */
    {YM_JOB_HELD, JE_RELEASED, YM_JOB_QUEUED}, {YM_JOB_HELD, JE_CANCELLED, YM_JOB_CANCELLED},
    {YM_JOB_HELD, JE_HOLD, YM_JOB_HELD}, {YM_JOB_HELD, JE_ADOPTED, YM_JOB_DONE},
    {YM_JOB_HELD, JE_REJECTED, YM_JOB_FAILED},
    {YM_JOB_QUEUED, JE_CLAIMED, YM_JOB_RESERVED}, {YM_JOB_QUEUED, JE_HOLD, YM_JOB_HELD},
    {YM_JOB_QUEUED, JE_CANCELLED, YM_JOB_CANCELLED}, {YM_JOB_QUEUED, JE_ADOPTED, YM_JOB_DONE},
    {YM_JOB_QUEUED, JE_REJECTED, YM_JOB_FAILED},
    /* money is reserved */
    {YM_JOB_RESERVED, JE_SENT, YM_JOB_SUBMITTING}, {YM_JOB_RESERVED, JE_AGAIN_LATER, YM_JOB_QUEUED},
    {YM_JOB_RESERVED, JE_REJECTED, YM_JOB_FAILED}, {YM_JOB_RESERVED, JE_NO_ANSWER, YM_JOB_UNKNOWN},
    {YM_JOB_RESERVED, JE_STORED, YM_JOB_STORED}, {YM_JOB_RESERVED, JE_HANDLE, YM_JOB_ACCEPTED},
    {YM_JOB_RESERVED, JE_CANCELLED, YM_JOB_CANCELLED}, {YM_JOB_RESERVED, JE_HOLD, YM_JOB_HELD},
    {YM_JOB_SUBMITTING, JE_SENT, YM_JOB_SUBMITTING}, {YM_JOB_SUBMITTING, JE_HANDLE, YM_JOB_ACCEPTED},
    {YM_JOB_SUBMITTING, JE_STORED, YM_JOB_STORED}, {YM_JOB_SUBMITTING, JE_AGAIN_LATER, YM_JOB_QUEUED},
    {YM_JOB_SUBMITTING, JE_REJECTED, YM_JOB_FAILED}, {YM_JOB_SUBMITTING, JE_NO_ANSWER, YM_JOB_UNKNOWN},
    {YM_JOB_SUBMITTING, JE_CANCELLED, YM_JOB_CANCELLED}, {YM_JOB_SUBMITTING, JE_HOLD, YM_JOB_HELD},
    /* the provider has it */
    {YM_JOB_ACCEPTED, JE_SENT, YM_JOB_ACCEPTED}, {YM_JOB_ACCEPTED, JE_HANDLE, YM_JOB_ACCEPTED},
    {YM_JOB_ACCEPTED, JE_STORED, YM_JOB_STORED}, {YM_JOB_ACCEPTED, JE_REJECTED, YM_JOB_FAILED},
    {YM_JOB_ACCEPTED, JE_NO_ANSWER, YM_JOB_UNKNOWN}, {YM_JOB_ACCEPTED, JE_CANCELLED, YM_JOB_CANCELLED},
    {YM_JOB_ACCEPTED, JE_AGAIN_LATER, YM_JOB_QUEUED}, {YM_JOB_ACCEPTED, JE_HOLD, YM_JOB_HELD},
    /* we have it */
    {YM_JOB_STORED, JE_PLACED, YM_JOB_DONE}, {YM_JOB_STORED, JE_CANCELLED, YM_JOB_CANCELLED},
    {YM_JOB_DONE, JE_HOLD, YM_JOB_HELD},
    /* ended without one: a gesture, the bytes found after all, a budget */
    {YM_JOB_FAILED, JE_RELEASED, YM_JOB_QUEUED}, {YM_JOB_FAILED, JE_HOLD, YM_JOB_HELD},
    {YM_JOB_FAILED, JE_ADOPTED, YM_JOB_DONE},
    {YM_JOB_CANCELLED, JE_RELEASED, YM_JOB_QUEUED}, {YM_JOB_CANCELLED, JE_HOLD, YM_JOB_HELD},
    {YM_JOB_CANCELLED, JE_ADOPTED, YM_JOB_DONE},
    {YM_JOB_UNKNOWN, JE_RELEASED, YM_JOB_QUEUED}, {YM_JOB_UNKNOWN, JE_HOLD, YM_JOB_HELD},
    {YM_JOB_UNKNOWN, JE_ADOPTED, YM_JOB_DONE},
};
/* clang-format on */

static enum ym_state expected(enum ym_state from, enum job_event by)
{
    for (size_t i = 0; i < YM_COUNT(allowed); i++)
        if (allowed[i].from == from && allowed[i].by == by)
            return allowed[i].to;
    return YM_JOB_NONE;
}

static void every_cell(void **state)
{
    (void)state;
    for (enum ym_state s = 0; s < YM_JOB_STATE_COUNT; s++)
        for (enum job_event ev = 0; ev < JE_COUNT; ev++)
            if (job_advance(s, ev) != expected(s, ev))
                fail_msg("%s by event %d: %s, not %s", ym_state_name(s), (int)ev,
                         ym_state_name(job_advance(s, ev)), ym_state_name(expected(s, ev)));
}

/* What the table is for: nothing is sent but by a claim, and nothing that was paid is sent again.
 */
static void only_a_claim_reserves(void **state)
{
    (void)state;
    for (enum ym_state s = 0; s < YM_JOB_STATE_COUNT; s++)
        for (enum job_event ev = 0; ev < JE_COUNT; ev++) {
            enum ym_state to = job_advance(s, ev);
            if (to == YM_JOB_RESERVED)
                assert_true(s == YM_JOB_QUEUED && ev == JE_CLAIMED);
            if (s == YM_JOB_STORED || s == YM_JOB_DONE)
                assert_true(to != YM_JOB_QUEUED && to != YM_JOB_FAILED && to != YM_JOB_UNKNOWN);
            if (to == YM_JOB_QUEUED && ym_state_is_final(s))
                assert_int_equal(ev, JE_RELEASED);
        }
}

/* ---- rows ---- */
static bool aborts(const struct ym_job_row *r)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int null = dup(STDERR_FILENO); /* the message is expected: keep it out of the test's log */
        (void)!freopen("/dev/null", "w", stderr);
        prctl(PR_SET_DUMPABLE, 0);
        signal(SIGABRT, SIG_DFL);
        job_check(r);
        _exit(null >= 0 ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status))
        assert_int_equal(WTERMSIG(status), SIGABRT);
    return WIFSIGNALED(status);
}

static char word[] = "x";

static struct ym_job_row whole(enum ym_state s)
{
    return (struct ym_job_row){.state = s,
                               .held_why = word,
                               .has_handle = true,
                               .driver_state = word,
                               .staged = word,
                               .ext = word,
                               .error = word,
                               .b2 = {{1}},
                               .h = {{1}}};
}

static void whole_rows_pass(void **state)
{
    (void)state;
    for (enum ym_state s = YM_JOB_HELD; s < YM_JOB_STATE_COUNT; s++) {
        struct ym_job_row r = whole(s);
        assert_int_equal(aborts(&r), s == YM_JOB_SUBMITTING);
    }
}

static void no_row_is_ever_none_or_submitting(void **state)
{
    (void)state;
    static const enum ym_state never[] = {YM_JOB_NONE, YM_JOB_SUBMITTING, YM_JOB_STATE_COUNT};
    for (size_t i = 0; i < YM_COUNT(never); i++) {
        struct ym_job_row r = whole(never[i]);
        assert_true(aborts(&r));
    }
}

static void what_a_state_needs(void **state)
{
    (void)state;
    static const struct {
        enum ym_state s;
        enum { HELD_WHY, HANDLE, DRIVER_STATE, STAGED, EXT, B2, ERROR, H } without;
    } rows[] = {
        {YM_JOB_HELD, HELD_WHY}, {YM_JOB_ACCEPTED, HANDLE}, {YM_JOB_ACCEPTED, DRIVER_STATE},
        {YM_JOB_STORED, STAGED}, {YM_JOB_STORED, EXT},      {YM_JOB_STORED, B2},
        {YM_JOB_DONE, EXT},      {YM_JOB_DONE, B2},         {YM_JOB_FAILED, ERROR},
        {YM_JOB_UNKNOWN, ERROR}, {YM_JOB_QUEUED, H},        {YM_JOB_RESERVED, H},
    };
    for (size_t i = 0; i < YM_COUNT(rows); i++) {
        struct ym_job_row r = whole(rows[i].s);
        switch (rows[i].without) {
        case HELD_WHY:
            r.held_why = NULL;
            break;
        case HANDLE:
            r.has_handle = false;
            break;
        case DRIVER_STATE:
            r.driver_state = NULL;
            break;
        case STAGED:
            r.staged = NULL;
            break;
        case EXT:
            r.ext = NULL;
            break;
        case B2:
            r.b2 = (struct ym_digest){0};
            break;
        case ERROR:
            r.error = NULL;
            break;
        case H:
            r.h = (struct ym_digest){0};
            break;
        }
        if (!aborts(&r))
            fail_msg("row %zu passes although something is missing", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell),         cmocka_unit_test(only_a_claim_reserves),
        cmocka_unit_test(whole_rows_pass),    cmocka_unit_test(no_row_is_ever_none_or_submitting),
        cmocka_unit_test(what_a_state_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

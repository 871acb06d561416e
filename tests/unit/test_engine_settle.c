/* When a saved name counts as finished: quiet, writers, typing, copies under way, references; and
 * waiting for it. */
#include "engine_rig.h"

#define P "images/sunset.txt"
#define R "images/sunset.png"

/* When the n-th request left, in milliseconds since `from`. */
static int64_t sent_after(struct rig *r, int n, int64_t from_ns)
{
    assert_true(rig_sent(r) > n);
    return (r->sent_at[n] - from_ns) / 1000000;
}

static void after_a_short_quiet(void **state)
{
    struct rig *r = *state;
    int64_t t = r->mono_ns;
    rig_save(r, P, "a sunset");
    rig_idle(r);
    assert_in_range(sent_after(r, 0, t), 300, 800);
}

static void quiet_as_configured(void **state)
{
    struct rig *r = *state;
    rig_configure(r, "[mount]\nsettle_ms = 3000\n");
    int64_t t = r->mono_ns;
    rig_save(r, P, "a sunset");
    rig_idle(r);
    assert_in_range(sent_after(r, 0, t), 3000, 3500);
}

static void not_while_somebody_writes(void **state)
{
    struct rig *r = *state;
    rig_tell(r, YM_TOUCH_CREATED, P, false);
    rig_tell(r, YM_TOUCH_OPENED, P, false);
    file_put(r->base.s.lib_fd, P, "a suns");
    rig_advance(r, 60000);
    assert_int_equal(rig_sent(r), 0); /* a log that is open for days is no prompt yet */
    file_put(r->base.s.lib_fd, P, "a sunset");
    rig_tell(r, YM_TOUCH_CLOSED, P, true);
    rig_idle(r);
    assert_string_equal(r->prompts[0], "a sunset");
    assert_int_equal(rig_sent(r), 1);
}

/* A shell's `( a; b ) > f` closes several descriptors; the last writer counts. */
static void the_last_of_several_writers(void **state)
{
    struct rig *r = *state;
    rig_tell(r, YM_TOUCH_OPENED, P, false);
    rig_tell(r, YM_TOUCH_OPENED, P, false);
    file_put(r->base.s.lib_fd, P, "a sunset");
    rig_tell(r, YM_TOUCH_CLOSED, P, true);
    rig_advance(r, 5000);
    assert_int_equal(rig_sent(r), 0);
    rig_tell(r, YM_TOUCH_CLOSED, P, false);
    rig_idle(r);
    assert_int_equal(rig_sent(r), 1);
}

static void a_second_save_is_typing(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, "a");
    rig_advance(r, 100);
    rig_save(r, P, "a sun");
    rig_advance(r, 3000);
    assert_int_equal(rig_sent(r), 0);
    int64_t t = r->mono_ns;
    rig_save(r, P, "a sunset");
    rig_idle(r);
    assert_int_equal(rig_sent(r), 1);
    assert_in_range(sent_after(r, 0, t), 4000, 4500);
    assert_string_equal(r->prompts[0], "a sunset");
}

static void typing_is_put_off_for_half_a_minute_at_most(void **state)
{
    struct rig *r = *state;
    char text[32];
    int64_t t = r->mono_ns;
    rig_save(r, P, "a");
    for (int i = 0; i < 25 && rig_sent(r) == 0; i++) {
        snprintf(text, sizeof(text), "a sunset %d", i);
        rig_save(r, P, text);
        rig_advance(r, 1900);
    }
    assert_in_range(sent_after(r, 0, t), 29000, 31000);
}

/* A library that is copied in arrives whole first: its results may be behind its prompts. */
static void paying_waits_for_the_rest_of_a_copy(void **state)
{
    struct rig *r = *state;
    char name[32];
    rig_save_pid(r, "images/first.bin", "the copy begins", 77);
    rig_save_pid(r, P, "a sunset", 77);
    for (int i = 0; i < 10; i++) {
        rig_advance(r, 1000);
        snprintf(name, sizeof(name), "images/%d.bin", i);
        rig_save_pid(r, name, "something else of the same copy", 77);
    }
    assert_int_equal(rig_sent(r), 0);
    rig_advance(r, 3000);
    assert_int_equal(rig_sent(r), 1);
    rig_save_pid(r, "images/b.txt", "another program's files are no reason", 78);
    rig_save_pid(r, "images/x.bin", "x", 79);
    rig_advance(r, 1000);
    assert_int_equal(rig_sent(r), 2);
}

static void a_copy_without_end_is_waited_for_half_a_minute(void **state)
{
    struct rig *r = *state;
    char name[32];
    int64_t t = r->mono_ns;
    rig_save_pid(r, "images/first.bin", "the copy begins", 77);
    rig_save_pid(r, P, "a sunset", 77);
    for (int i = 0; i < 45 && rig_sent(r) == 0; i++) {
        rig_advance(r, 1000);
        snprintf(name, sizeof(name), "images/%d.bin", i);
        rig_save_pid(r, name, "and on it goes", 77);
    }
    assert_in_range(sent_after(r, 0, t), 29000, 33000);
}

static void free_work_waits_for_no_copy(void **state)
{
    struct rig *r = *state;
    rig_save_pid(r, P, "---\nmodel: sketch\n---\na sunset", 77);
    rig_save_pid(r, "images/x.bin", "x", 77);
    rig_advance(r, 1000);
    assert_int_equal(rig_sent(r), 1);
}

/* The copy brings prompt, sidecar and picture: adopted, whatever their order. */
static void a_copied_library_buys_nothing(void **state)
{
    struct rig *r = *state;
    static const char *const files[] = {"trip.txt", "trip.png", "trip.png.json"};
    assert_int_equal(mkdirat(r->base.s.lib_fd, "images/old", 0755), 0);
    assert_int_equal(mkdirat(r->base.s.lib_fd, "images/new", 0755), 0);
    rig_save(r, "images/old/trip.txt", "a trip");
    rig_idle(r);
    rig_kill(r);
    static const char *const db[] = {"journal.db", "journal.db-wal", "journal.db-shm"};
    for (size_t i = 0; i < YM_COUNT(db); i++) /* as if it came from another machine */
        unlinkat(r->base.s.state_fd, db[i], 0);
    rig_start(r);
    rig_save_pid(r, "images/new/first.bin", "the copy begins", 77);
    for (size_t i = 0; i < YM_COUNT(files); i++) {
        YM_AUTOFREE char *from = ym_asprintf("images/old/%s", files[i]);
        YM_AUTOFREE char *to = ym_asprintf("images/new/%s", files[i]);
        YM_AUTOFREE char *bytes = NULL;
        size_t len;
        YM_AUTOCLOSE int in = openat(r->base.s.lib_fd, from, O_RDONLY | O_CLOEXEC);
        assert_int_equal(ym_read_fd(in, 1 << 20, &bytes, &len), 0);
        ym_engine_touch(r->e, &(struct ym_touch){.what = YM_TOUCH_CREATED, .path = to, .pid = 77});
        ym_engine_touch(r->e, &(struct ym_touch){.what = YM_TOUCH_OPENED, .path = to, .pid = 77});
        YM_AUTOCLOSE int out = openat(r->base.s.lib_fd, to, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        assert_int_equal(write(out, bytes, len), (ssize_t)len);
        ym_engine_touch(r->e, &(struct ym_touch){
                                  .what = YM_TOUCH_CLOSED, .path = to, .pid = 77, .dirty = true});
        rig_advance(r, 500);
    }
    rig_idle(r);
    rig_state_is(r, "images/new/trip.txt", YM_JOB_DONE);
    assert_int_equal(rig_sent(r), 1);
    assert_int_equal(rig_notes(r, "images/new", "trip"), 3);
}

/* ---- references ---- */
static void clone_file(struct rig *r, const char *from, const char *to)
{
    struct ym_err e;
    YM_AUTOCLOSE int in = ym_store_openat(&r->base.s, from, O_RDONLY | O_CLOEXEC, 0);
    YM_AUTOCLOSE int out =
        openat(r->base.s.lib_fd, to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_int_equal(ym_clone_fd(in, out, &e), 0);
}

static void references(void **state)
{
    struct rig *r = *state;
    rig_save(r, "images/one.txt", "one");
    rig_save(r, "images/two.txt", "two");
    rig_save(r, P, "a sunset");
    rig_idle(r);
    assert_int_equal(rig_sent(r), 3);
    /* Half-written: the prompt waits for it. */
    rig_tell(r, YM_TOUCH_CREATED, "images/sunset.in.png", false);
    rig_tell(r, YM_TOUCH_OPENED, "images/sunset.in.png", false);
    clone_file(r, "images/one.png", "images/sunset.in.png");
    rig_touch(r, P);
    rig_advance(r, 10000);
    assert_int_equal(rig_sent(r), 3);
    rig_tell(r, YM_TOUCH_CLOSED, "images/sunset.in.png", true);
    rig_idle(r);
    assert_int_equal(rig_sent(r), 4); /* added: another request */
    rig_touch(r, P);
    rig_idle(r);
    assert_int_equal(rig_sent(r), 4);
    /* Removing one never buys. */
    rig_unlink(r, "images/sunset.in.png");
    rig_touch(r, P);
    rig_idle(r);
    assert_int_equal(rig_sent(r), 4);
    /* Another one does. */
    rig_tell(r, YM_TOUCH_OPENED, "images/sunset.in.png", false);
    clone_file(r, "images/two.png", "images/sunset.in.png");
    rig_tell(r, YM_TOUCH_CLOSED, "images/sunset.in.png", true);
    rig_idle(r);
    assert_int_equal(rig_sent(r), 5);
    rig_picture(r, R);
}

/* ---- waiting ---- */
struct waiting {
    atomic_int calls;
    enum ym_state state;
    char path[64], err[224];
};

static void waited(void *ctx, const struct ym_wait_result *w)
{
    struct waiting *x = ctx;
    x->state = w->state;
    snprintf(x->path, sizeof(x->path), "%s", w->paths[0] ? w->paths[0] : "");
    snprintf(x->err, sizeof(x->err), "%s", w->err ? w->err->msg : "");
    x->calls++;
}

static void waiting_for_what_was_just_saved(void **state)
{
    struct rig *r = *state;
    struct waiting w = {0};
    rig_save(r, P, "a sunset");
    ym_engine_wait(r->e, P, waited, &w);
    rig_advance(r, 100);
    assert_int_equal(w.calls, 0);
    rig_idle(r);
    assert_int_equal(w.calls, 1);
    assert_int_equal(w.state, YM_JOB_DONE);
    assert_string_equal(w.path, R);
    rig_save(r, P, "a sunrise"); /* the old result is no answer to that */
    struct waiting w2 = {0};
    ym_engine_wait(r->e, R, waited, &w2);
    rig_advance(r, 1000);
    assert_int_equal(w2.calls, 0);
    rig_idle(r);
    assert_int_equal(w2.calls, 1);
    assert_int_equal(rig_sent(r), 2);
}

static void waiting_for_a_failure_finds_its_note(void **state)
{
    struct rig *r = *state;
    struct waiting w = {0};
    rig_play(r, (struct play){.what = PLAY_FAIL, .cls = YM_REFUSED});
    rig_save(r, P, "a sunset");
    ym_engine_wait(r->e, P, waited, &w);
    rig_idle(r);
    assert_int_equal(w.calls, 1);
    assert_int_equal(w.state, YM_JOB_FAILED);
    assert_string_equal(w.err, "The fake provider says refused.");
    assert_true(rig_has(r, "images/sunset.error.log"));
}

static void waiting_for_nothing_ends_at_once(void **state)
{
    struct rig *r = *state;
    struct waiting w = {0}, held = {0}, all = {0};
    ym_engine_wait(r->e, "images/nothing.txt", waited, &w);
    rig_advance(r, 100);
    assert_int_equal(w.calls, 1);
    assert_int_equal(w.state, YM_JOB_NONE);
    rig_save(r, P, "---\nmodel: fal/dear\n---\na sunset");
    ym_engine_wait(r->e, P, waited, &held);
    ym_engine_wait(r->e, "", waited, &all);
    rig_idle(r);
    assert_int_equal(held.calls, 1);
    assert_int_equal(held.state, YM_JOB_HELD);
    assert_int_equal(all.calls, 1);
}

static void a_wait_can_be_given_up(void **state)
{
    struct rig *r = *state;
    struct waiting w = {0}, ended = {0};
    rig_play(r, (struct play){.what = PLAY_GATE});
    rig_save(r, P, "a sunset");
    uint64_t ticket = ym_engine_wait(r->e, P, waited, &w);
    ym_engine_wait(r->e, P, waited, &ended);
    assert_true(rig_state_becomes(r, P, YM_JOB_RESERVED, 5000));
    assert_true(ym_engine_wait_cancel(r->e, ticket));
    rig_kill(r);
    assert_int_equal(w.calls, 0);
    assert_int_equal(ended.calls, 1); /* nobody waits for an engine that has gone */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(after_a_short_quiet),
        T(quiet_as_configured),
        T(not_while_somebody_writes),
        T(the_last_of_several_writers),
        T(a_second_save_is_typing),
        T(typing_is_put_off_for_half_a_minute_at_most),
        T(paying_waits_for_the_rest_of_a_copy),
        T(a_copy_without_end_is_waited_for_half_a_minute),
        T(free_work_waits_for_no_copy),
        T(a_copied_library_buys_nothing),
        T(references),
        T(waiting_for_what_was_just_saved),
        T(waiting_for_a_failure_finds_its_note),
        T(waiting_for_nothing_ends_at_once),
        T(a_wait_can_be_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

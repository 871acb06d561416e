#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <ymago/inbox.h>

struct note {
    struct ym_msg m;
    int n;
    atomic_int *dropped;
};
struct owner {
    int last, count;
    bool ordered;
    struct ym_inbox *in;
};

static void note_run(void *owner, struct ym_msg *m)
{
    struct owner *o = owner;
    struct note *note = (struct note *)(void *)m;
    o->ordered = o->ordered && note->n > o->last;
    o->last = note->n;
    o->count++;
    free(note);
}

static void note_drop(struct ym_msg *m)
{
    struct note *note = (struct note *)(void *)m;
    if (note->dropped)
        atomic_fetch_add(note->dropped, 1);
    free(note);
}

static struct ym_msg *note_new(int n, atomic_int *dropped)
{
    struct note *note = ym_alloc(sizeof *note);
    *note = (struct note){{NULL, note_run, note_drop}, n, dropped};
    return &note->m;
}

static void messages_run_in_order(void **state)
{
    (void)state;
    struct ym_inbox *in = ym_inbox_new(NULL, NULL);
    struct owner o = {.ordered = true};
    assert_int_equal(ym_inbox_drain(in, &o), 0);
    for (int i = 1; i <= 10; i++)
        assert_true(ym_inbox_post(in, note_new(i, NULL)));
    ym_inbox_wait(in, (ym_mono){INT64_MAX}); /* something is there: returns at once */
    assert_int_equal(ym_inbox_drain(in, &o), 10);
    assert_true(o.ordered && o.count == 10);
    ym_inbox_free(in);
}

static void post_another(void *owner, struct ym_msg *m)
{
    struct owner *o = owner;
    o->count++;
    ym_inbox_post(o->in, note_new(1, NULL));
    free(m);
}

static void a_drain_ends(void **state)
{
    (void)state;
    struct owner o = {.ordered = true, .in = ym_inbox_new(NULL, NULL)};
    struct ym_msg *m = ym_alloc(sizeof *m);
    *m = (struct ym_msg){NULL, post_another, NULL};
    ym_inbox_post(o.in, m);
    assert_int_equal(ym_inbox_drain(o.in, &o), 1); /* what came meanwhile waits */
    assert_int_equal(ym_inbox_drain(o.in, &o), 1);
    assert_int_equal(o.count, 2);
    ym_inbox_free(o.in);
}

static void a_closed_inbox_drops(void **state)
{
    (void)state;
    atomic_int dropped = 0;
    struct ym_inbox *in = ym_inbox_new(NULL, NULL);
    ym_inbox_post(in, note_new(1, &dropped));
    ym_inbox_close(in);
    assert_false(ym_inbox_post(in, note_new(2, &dropped)));
    assert_int_equal(dropped, 1);
    ym_inbox_wait(in, (ym_mono){INT64_MAX}); /* does not sleep for ever */
    ym_inbox_free(in);
    assert_int_equal(dropped, 2);
    ym_inbox_free(NULL);
}

static void waits_end_in_time(void **state)
{
    (void)state;
    struct ym_inbox *in = ym_inbox_new(NULL, NULL);
    ym_mono start = ym_mono_now(), until = ym_mono_add(start, YM_MS(30));
    ym_inbox_wait(in, until);
    assert_true(ym_mono_now().ns >= until.ns);
    ym_inbox_wait(in, start);         /* over already */
    ym_inbox_wait(in, (ym_mono){-5}); /* long ago */
    ym_inbox_free(in);
}

static void *poster(void *arg)
{
    struct ym_inbox *in = arg;
    for (int i = 0; i < 5000; i++)
        ym_inbox_post(in, note_new(i, NULL));
    return NULL;
}

static void threads_wake_the_owner(void **state)
{
    (void)state;
    struct ym_inbox *in = ym_inbox_new(NULL, NULL);
    struct owner o = {0};
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, poster, in), 0);
    while (o.count < 4 * 5000) { /* a lost wake-up hangs here until the test's time-out */
        ym_inbox_wait(in, (ym_mono){INT64_MAX});
        ym_inbox_drain(in, &o);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    ym_inbox_free(in);
}

static void count_wake(void *ctx)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
}

static void own_wakes_are_called(void **state)
{
    (void)state;
    atomic_int wakes = 0;
    struct ym_inbox *in = ym_inbox_new(count_wake, &wakes);
    ym_inbox_post(in, note_new(1, NULL));
    ym_inbox_post(in, note_new(2, NULL));
    assert_int_equal(wakes, 2);
    ym_inbox_close(in);
    assert_int_equal(wakes, 3);
    ym_inbox_free(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_run_in_order),  cmocka_unit_test(a_drain_ends),
        cmocka_unit_test(a_closed_inbox_drops),   cmocka_unit_test(waits_end_in_time),
        cmocka_unit_test(threads_wake_the_owner), cmocka_unit_test(own_wakes_are_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "unit.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <ymago/inbox.h>

struct task {
    struct ym_msg m;
    int n;
};

static sem_t started, gate, done;
static atomic_int order[64], ran, dropped;

static void task_run(void *pool, struct ym_msg *m)
{
    struct task *t = (struct task *)(void *)m;
    assert_non_null(pool);
    atomic_store(&order[atomic_fetch_add(&ran, 1)], t->n);
    free(t);
    sem_post(&done);
}

static void task_block(void *pool, struct ym_msg *m)
{
    (void)pool;
    free(m);
    sem_post(&started);
    sem_wait(&gate);
}

static void task_drop(struct ym_msg *m)
{
    atomic_fetch_add(&dropped, 1);
    free(m);
}

static struct ym_msg *task_new(int n, void (*run)(void *, struct ym_msg *))
{
    struct task *t = ym_alloc(sizeof *t);
    *t = (struct task){{NULL, run, task_drop}, n};
    return &t->m;
}

static int reset(void **state)
{
    (void)state;
    sem_init(&started, 0, 0);
    sem_init(&gate, 0, 0);
    sem_init(&done, 0, 0);
    ran = dropped = 0;
    return 0;
}

static void urgent_goes_first(void **state)
{
    (void)state;
    struct ym_pool *p = ym_pool_new(1, "test");
    ym_pool_post(p, task_new(0, task_block), false);
    sem_wait(&started);
    for (int i = 1; i <= 3; i++)
        ym_pool_post(p, task_new(i, task_run), false);
    for (int i = 11; i <= 13; i++)
        ym_pool_post(p, task_new(i, task_run), true);
    sem_post(&gate);
    for (int i = 0; i < 6; i++)
        sem_wait(&done);
    static const int want[] = {11, 12, 13, 1, 2, 3};
    for (int i = 0; i < 6; i++)
        assert_int_equal(order[i], want[i]);
    ym_pool_free(p);
    assert_int_equal(dropped, 0);
}

static void *free_pool(void *p)
{
    ym_pool_free(p);
    return NULL;
}

static void free_finishes_what_runs_and_drops_the_rest(void **state)
{
    (void)state;
    struct ym_pool *p = ym_pool_new(2, "a name longer than the kernel's");
    ym_pool_post(p, task_new(0, task_block), false);
    ym_pool_post(p, task_new(0, task_block), true);
    sem_wait(&started);
    sem_wait(&started);
    /* Both threads are busy until after free has closed the queues. */
    pthread_t t;
    for (int i = 0; i < 5; i++)
        ym_pool_post(p, task_new(i, task_run), i % 2);
    assert_int_equal(pthread_create(&t, NULL, free_pool, p), 0);
    while (ym_pool_post(p, task_new(9, task_run), false))
        ; /* until it is closed */
    sem_post(&gate);
    sem_post(&gate);
    pthread_join(t, NULL);
    assert_int_equal(ran, 0);
    assert_true(dropped >= 6);
    ym_pool_free(NULL);
}

static void many_tasks_on_many_threads(void **state)
{
    (void)state;
    struct ym_pool *p = ym_pool_new(4, "test");
    for (int round = 0; round < 50; round++) {
        atomic_store(&ran, 0);
        for (int i = 0; i < 64; i++)
            ym_pool_post(p, task_new(i, task_run), i % 3 == 0);
        for (int i = 0; i < 64; i++)
            sem_wait(&done);
        assert_int_equal(ran, 64);
    }
    ym_pool_free(p);
    assert_int_equal(dropped, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(urgent_goes_first, reset),
        cmocka_unit_test_setup(free_finishes_what_runs_and_drops_the_rest, reset),
        cmocka_unit_test_setup(many_tasks_on_many_threads, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

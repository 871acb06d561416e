#include <curl/curl.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <ymago/base.h>

#include "client.h"

static const char request[] =
    "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"A quiet harbour at dawn\"}]}],"
    "\"generationConfig\":{\"responseModalities\":[\"TEXT\",\"IMAGE\"]}}";

struct run {
    const struct client_ops *ops;
    void *ctx;
    CURLM *multi;
    struct curl_slist *headers;
    const char *url;
    int total, begun, ended;
};

struct slot {
    struct run *run;
    CURL *easy;
    void *one;
};

static size_t slot_body(char *data, size_t size, size_t n, void *ctx)
{
    struct slot *s = ctx;
    return s->run->ops->body(s->one, data, size * n) ? size * n : 0;
}

static bool slot_begin(struct slot *s)
{
    struct run *r = s->run;
    s->one = r->ops->begin(r->ctx, r->begun++);
    return s->one && curl_multi_add_handle(r->multi, s->easy) == CURLM_OK;
}

static bool slot_end(struct slot *s, CURLcode code)
{
    long status = 0;
    curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(s->run->multi, s->easy);
    bool ok = s->run->ops->end(s->one) && code == CURLE_OK && status == 200;
    if (!ok)
        fprintf(stderr, "request failed: status %ld, %s\n", status, curl_easy_strerror(code));
    s->run->ended++;
    return ok;
}

static void slot_init(struct slot *s, struct run *r)
{
    *s = (struct slot){.run = r, .easy = curl_easy_init()};
    ym_assert(s->easy);
    curl_easy_setopt(s->easy, CURLOPT_URL, r->url);
    curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, r->headers);
    curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, request);
    curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE, (long)sizeof request - 1);
    curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, slot_body);
    curl_easy_setopt(s->easy, CURLOPT_WRITEDATA, s);
    curl_easy_setopt(s->easy, CURLOPT_PRIVATE, s);
    curl_easy_setopt(s->easy, CURLOPT_BUFFERSIZE, 65536L);
    curl_easy_setopt(s->easy, CURLOPT_NOPROXY, "*");
}

static bool run_all(struct run *r, struct slot *slots, int nslots)
{
    for (int i = 0; i < nslots && r->begun < r->total; i++)
        if (!slot_begin(&slots[i]))
            return false;
    while (r->ended < r->total) {
        int running, left;
        CURLMsg *m;
        if (curl_multi_perform(r->multi, &running) != CURLM_OK)
            return false;
        while ((m = curl_multi_info_read(r->multi, &left))) {
            struct slot *s;
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &s);
            if (!slot_end(s, m->data.result) || (r->begun < r->total && !slot_begin(s)))
                return false;
        }
        if (r->ended < r->total)
            curl_multi_poll(r->multi, NULL, 0, 1000, NULL);
    }
    return true;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void report(double elapsed, const struct rusage *before)
{
    struct rusage now;
    getrusage(RUSAGE_SELF, &now);
    printf("{\"seconds\":%.6f,\"cpu\":%.6f,\"rss_kib\":%ld}\n", elapsed,
           seconds(now.ru_utime) + seconds(now.ru_stime) - seconds(before->ru_utime) -
               seconds(before->ru_stime),
           now.ru_maxrss);
}

int client_main(char **argv, const struct client_ops *ops, void *ctx)
{
    struct run r = {.ops = ops, .ctx = ctx, .url = argv[1], .total = (int)strtol(argv[2], NULL, 10)};
    int nslots = (int)strtol(argv[3], NULL, 10);
    struct slot *slots = ym_alloc_array((size_t)nslots, sizeof *slots);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    r.multi = curl_multi_init();
    r.headers = curl_slist_append(NULL, "Content-Type: application/json");
    r.headers = curl_slist_append(r.headers, "x-goog-api-key: bench");
    for (int i = 0; i < nslots; i++)
        slot_init(&slots[i], &r);
    struct rusage before;
    getrusage(RUSAGE_SELF, &before);
    ym_mono t = ym_mono_now();
    bool ok = run_all(&r, slots, nslots);
    if (ok)
        report((double)(ym_mono_now().ns - t.ns) / 1e9, &before);
    for (int i = 0; i < nslots; i++)
        curl_easy_cleanup(slots[i].easy);
    curl_multi_cleanup(r.multi);
    curl_slist_free_all(r.headers);
    curl_global_cleanup();
    free(slots);
    return ok ? 0 : 1;
}

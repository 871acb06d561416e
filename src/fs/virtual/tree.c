/* THE table of virtual entries. A new one is a row here and a rendering in views/. */
#include "tree.h"
#include "render.h"
#include "session.h"

/* clang-format off */
static const struct virt table[] = {
    /* path                           kind          mode  others  text                 file   generated */
    {"README.md",                     VIRT_TEXT,    0444, 0,      render_readme,       NULL,  true},
    {"STATUS.txt",                    VIRT_TEXT,    0444, 0,      render_status_txt,   NULL,  true},
    {"cost",                          VIRT_OVERLAY, 0755, 0,      NULL,                NULL,  false},
    {"cost/today.txt",                VIRT_TEXT,    0444, 0,      render_cost_today,   NULL,  true},
    {"cost/month.csv",                VIRT_TEXT,    0444, 0,      render_cost_month,   NULL,  true},
    {"cost/by-model.csv",             VIRT_TEXT,    0444, 0,      render_cost_model,   NULL,  true},
    {"cost/by-folder.csv",            VIRT_TEXT,    0444, 0,      render_cost_folder,  NULL,  true},
    {MODELS_FOLDER,                   VIRT_OVERLAY, 0755, 0,      NULL,                NULL,  false},
    {".ymago",                        VIRT_FOLDER,  0700, 0711,   NULL,                NULL,  false},
    {".ymago/ctl",                    VIRT_CTL,     0600, 0666,   render_ctl,          NULL,  false},
    {".ymago/status",                 VIRT_TEXT,    0400, 0444,   render_status_txt,   NULL,  false},
    {".ymago/status.json",            VIRT_TEXT,    0400, 0444,   render_status_json,  NULL,  false},
    {".ymago/events",                 VIRT_EVENTS,  0400, 0,      NULL,                NULL,  false},
    {".ymago/events.log",             VIRT_TEXT,    0400, 0,      render_events,       NULL,  false},
    {".ymago/config.toml",            VIRT_TEXT,    0400, 0,      render_config,       NULL,  false},
    {".ymago/prices.toml",            VIRT_FILE,    0600, 0,      NULL,                "prices.toml", false},
    {".ymago/log",                    VIRT_FILE,    0400, 0,      NULL,                "log", false},
    {".ymago/jobs",                   VIRT_JOBS,    0500, 0,      NULL,                NULL,  false},
    {".ymago/jobs/*/request.json",    VIRT_TEXT,    0400, 0,      render_job_request,  NULL,  false},
    {".ymago/jobs/*/state",           VIRT_TEXT,    0400, 0,      render_job_state,    NULL,  false},
    {".ymago/jobs/*/attempts.jsonl",  VIRT_TEXT,    0400, 0,      render_job_attempts, NULL,  false},
    {".ymago/jobs/*/provider.json",   VIRT_TEXT,    0400, 0,      render_job_provider, NULL,  false},
    {".ymago/jobs/*/cost",            VIRT_TEXT,    0400, 0,      render_job_cost,     NULL,  false},
    {".ymago/jobs/*/progress",        VIRT_TEXT,    0400, 0,      render_job_progress, NULL,  false},
    {".ymago/jobs/*/preview.jpg",     VIRT_TEXT,    0400, 0,      render_job_preview,  NULL,  false},
    {".ymago/jobs/*/output",          VIRT_OUTPUT,  0400, 0,      NULL,                NULL,  false},
    {".ymago/jobs/*/cancel",          VIRT_CANCEL,  0200, 0,      NULL,                NULL,  false},
    {".ymago/wait",                   VIRT_WAIT,    0500, 0,      NULL,                NULL,  false},
    {STAGING_FOLDER,                  VIRT_STAGING, 0700, 0,      NULL,                NULL,  false},
};
/* clang-format on */
/* Which of these there are, the program's drivers and their lists say. */
const struct virt virt_provider = {MODELS_FOLDER "/*", VIRT_OVERLAY, 0755, 0, NULL, NULL, false};
const struct virt virt_model = {MODELS_FOLDER "/*/*", VIRT_TEXT, 0444, 0, render_model, NULL, true};
const struct virt virt_job = {".ymago/jobs/*", VIRT_JOB, 0500, 0, NULL, NULL, false};
const struct virt virt_wait_folder = {".ymago/wait/*", VIRT_WAIT, 0500, 0, NULL, NULL, false};
const struct virt virt_wait_file = {".ymago/wait/*", VIRT_WAITFILE, 0400, 0, NULL, NULL, false};
const struct virt virt_note = {"*", VIRT_NOTE, 0444, 0, NULL, NULL, false};

/* The last component of a row that lies directly in `folder`, or NULL. */
static const char *name_in(const struct virt *v, const char *folder)
{
    size_t len = strlen(folder);
    const char *name = v->path;
    if (len) {
        if (strncmp(v->path, folder, len) != 0 || v->path[len] != '/')
            return NULL;
        name = v->path + len + 1;
    }
    return strchr(name, '/') ? NULL : name;
}

const struct virt *virt_find(const struct virt *folder, const char *name)
{
    for (size_t i = 0; i < YM_COUNT(table); i++) {
        const char *n = name_in(&table[i], folder ? folder->path : "");
        if (n && strcmp(n, name) == 0)
            return &table[i];
    }
    return NULL;
}

const struct virt *virt_by_path(const char *path)
{
    for (size_t i = 0; i < YM_COUNT(table); i++)
        if (strcmp(table[i].path, path) == 0)
            return &table[i];
    const char *model = strncmp(path, MODELS_FOLDER "/", sizeof(MODELS_FOLDER)) == 0 ? path + sizeof(MODELS_FOLDER) : NULL;
    const char *slash = model ? strchr(model, '/') : NULL;
    if (!model || (slash && strchr(slash + 1, '/')))
        return NULL;
    return slash ? &virt_model : &virt_provider;
}

/* The state folder is reached by name only, so that tools which walk the tree never enter it. */
void virt_each(const char *folder, void (*fn)(void *ctx, const struct virt *v, const char *name),
               void *ctx)
{
    for (size_t i = 0; i < YM_COUNT(table); i++) {
        const char *n = name_in(&table[i], folder);
        if (n && table[i].kind != VIRT_STAGING && strcmp(n, STATE_FOLDER) != 0)
            fn(ctx, &table[i], n);
    }
}

bool virt_is_folder(const struct virt *v)
{
    switch (v->kind) {
    case VIRT_FOLDER:
    case VIRT_OVERLAY:
    case VIRT_JOBS:
    case VIRT_JOB:
    case VIRT_STAGING:
    case VIRT_WAIT:
        return true;
    case VIRT_WAITFILE:
    case VIRT_TEXT:
    case VIRT_FILE:
    case VIRT_OUTPUT:
    case VIRT_EVENTS:
    case VIRT_CTL:
    case VIRT_CANCEL:
    case VIRT_NOTE:
        break;
    }
    return false;
}

bool virt_is_overlay(const struct virt *v)
{
    return v->kind == VIRT_OVERLAY;
}

const char *virt_file(const struct virt *v)
{
    return v->kind == VIRT_FILE ? v->file : NULL;
}

mode_t virt_mode(const struct ym_fs *f, const struct virt *v)
{
    unsigned mode = f->allow_other && v->mode_others ? v->mode_others : v->mode;
    return mode | (virt_is_folder(v) ? S_IFDIR : S_IFREG);
}

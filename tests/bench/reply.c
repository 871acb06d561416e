#include <string.h>
#include <ymago/base.h>

#include "picture.h"
#include "reply.h"

static const char before[] =
    "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"Here is the picture.\"},"
    "{\"inlineData\":{\"mimeType\":\"image/jpeg\",\"data\":\"";
static const char after[] =
    "\"}}]},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":9,"
    "\"candidatesTokenCount\":1125,\"totalTokenCount\":1134,\"promptTokensDetails\":[{\"modality\":"
    "\"TEXT\",\"tokenCount\":9}],\"candidatesTokensDetails\":[{\"modality\":\"IMAGE\",\"tokenCount\":"
    "1120}]},\"modelVersion\":\"gemini-nano-banana-2.1\",\"responseId\":\"bench\"}\n";

void reply_init(struct reply *r, size_t image)
{
    size_t serial, text = 4 * ((image + 2) / 3), body = sizeof before - 1 + text + sizeof after - 1;
    YM_AUTOFREE uint8_t *picture = picture_new(image, &serial);
    YM_AUTOFREE char *head = ym_asprintf("HTTP/1.1 200 OK\r\n"
                                         "Content-Type: application/json; charset=UTF-8\r\n"
                                         "Content-Length: %zu\r\n\r\n%s",
                                         body, before);
    size_t nhead = strlen(head);
    *r = (struct reply){.image = image,
                        .data = ym_alloc(nhead + text + sizeof after),
                        .len = nhead + text + sizeof after - 1,
                        .serial = nhead + serial / 3 * 4};
    memcpy(r->data, head, nhead);
    size_t n = ym_b64_encode(picture, image, r->data + nhead);
    ym_assert(n == text);
    memcpy(r->data + nhead + text, after, sizeof after);
}

void reply_fini(struct reply *r)
{
    free(r->data);
    r->data = NULL;
}

void reply_serial(uint64_t n, char ret[static REPLY_SERIAL])
{
    char text[PICTURE_SERIAL + 1];
    snprintf(text, sizeof text, "%0*llu", PICTURE_SERIAL, (unsigned long long)n);
    ym_b64_encode((const uint8_t *)text, PICTURE_SERIAL, ret);
}

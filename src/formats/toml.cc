/* TOML by toml++, turned into cJSON. */
#include "toml_shim.h"

#include <cmath>
#include <cstdio>
#include <sstream>
#include <string>
#include <string_view>
#include <toml++/toml.h>

namespace {

constexpr int depth_max = 64;
constexpr int64_t whole_max = INT64_C(1) << 53; // cJSON has doubles only

struct json_free {
    void operator()(cJSON *v) const { cJSON_Delete(v); }
};
using json = std::unique_ptr<cJSON, json_free>;

struct refusal {
    toml::source_position at;
    const char *what;
};

[[noreturn]] void refuse(const toml::node &n, const char *what)
{
    throw refusal{n.source().begin, what};
}

json made(cJSON *v)
{
    if (!v)
        throw std::bad_alloc();
    return json(v);
}

json text_value(const toml::node &n, const std::string &s)
{
    if (s.find('\0') != std::string::npos)
        refuse(n, "a NUL character is not allowed");
    return made(cJSON_CreateString(s.c_str()));
}

template <typename T> json date_value(const toml::value<T> &v)
{
    std::ostringstream out;
    out << v.get();
    return text_value(v, out.str());
}

json convert(const toml::node &n, int depth);

json convert_table(const toml::table &t, int depth)
{
    json o = made(cJSON_CreateObject());
    for (const auto &[key, value] : t) {
        std::string name(key.str());
        if (name.find('\0') != std::string::npos)
            refuse(value, "a NUL character is not allowed in a key");
        json v = convert(value, depth + 1);
        if (!cJSON_AddItemToObject(o.get(), name.c_str(), v.get()))
            throw std::bad_alloc();
        v.release();
    }
    return o;
}

json convert_array(const toml::array &a, int depth)
{
    json list = made(cJSON_CreateArray());
    for (const auto &item : a) {
        json v = convert(item, depth + 1);
        if (!cJSON_AddItemToArray(list.get(), v.get()))
            throw std::bad_alloc();
        v.release();
    }
    return list;
}

json convert_integer(const toml::value<int64_t> &v)
{
    if (v.get() > whole_max || v.get() < -whole_max)
        refuse(v, "this number is too large");
    return made(cJSON_CreateNumber(static_cast<double>(v.get())));
}

json convert_float(const toml::value<double> &v)
{
    if (!std::isfinite(v.get()))
        refuse(v, "infinite numbers and nan are not allowed");
    return made(cJSON_CreateNumber(v.get()));
}

json convert(const toml::node &n, int depth)
{
    if (depth > depth_max)
        refuse(n, "this is nested too deeply");
    if (const auto *t = n.as_table())
        return convert_table(*t, depth);
    if (const auto *a = n.as_array())
        return convert_array(*a, depth);
    if (const auto *s = n.as_string())
        return text_value(n, s->get());
    if (const auto *i = n.as_integer())
        return convert_integer(*i);
    if (const auto *f = n.as_floating_point())
        return convert_float(*f);
    if (const auto *b = n.as_boolean())
        return made(cJSON_CreateBool(b->get()));
    if (const auto *d = n.as_date())
        return date_value(*d);
    if (const auto *t = n.as_time())
        return date_value(*t);
    if (const auto *d = n.as_date_time())
        return date_value(*d);
    refuse(n, "this kind of value is not understood");
}

void fill(toml_fault *fault, const toml::source_position &at, std::string_view what)
{
    fault->line = static_cast<int>(at.line);
    fault->column = static_cast<int>(at.column);
    std::snprintf(fault->what, sizeof fault->what, "%.*s", static_cast<int>(what.size()),
                  what.data());
}

} // namespace

extern "C" cJSON *toml_shim_parse(const char *text, size_t len, struct toml_fault *fault)
{
    *fault = {};
    try {
        const toml::table root = toml::parse(std::string_view(text, len));
        return convert_table(root, 1).release();
    } catch (const toml::parse_error &e) {
        fill(fault, e.source().begin, e.description());
    } catch (const refusal &r) {
        fill(fault, r.at, r.what);
    } catch (const std::exception &) {
        fill(fault, {}, "it does not fit into memory");
    } catch (...) {
        fill(fault, {}, "it cannot be read");
    }
    return nullptr;
}

/* The engine was linked against a newer C library than Debian 12 has; it asks for these four names and nothing else of it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

long __isoc23_strtol(const char *text, char **end, int base) { return strtol(text, end, base); }

long long __isoc23_strtoll(const char *text, char **end, int base) { return strtoll(text, end, base); }

unsigned long long __isoc23_strtoull(const char *text, char **end, int base) { return strtoull(text, end, base); }

int __isoc23_sscanf(const char *text, const char *format, ...) {
    va_list rest;
    va_start(rest, format);
    int read = vsscanf(text, format, rest);
    va_end(rest);
    return read;
}

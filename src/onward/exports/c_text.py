"""The text of an exported C file, with gaps: `$name` and its like are filled in by `c_source`."""

from __future__ import annotations

from string import Template

FILE = Template("""\
/* $name: a mesh neural network, written by onward.
 *
 * $about.
 *
 * C99; it needs $needs and asks for no memory. All state is on the stack, so several threads
 * may call it at once. To use it, compile this file with the rest and declare
 *
 *     void $name(const $real in[], $real out[]);
 *     int ${name}_class(const $real in[]);$declare_classes
 *
 * $name reads $features and writes $outputs; ${name}_class gives the number of the largest output, from 0,
 * the first of equals.$scaled
 *
 * Alone it is a program that reads rows of $features and prints the outputs of each:
 *
 *     cc -std=c99 -O2 -D${NAME}_MAIN $name.c -o $name$link && ./$name < rows.txt
 */

$include#define ${NAME}_FEATURES $features_count
#define ${NAME}_OUTPUTS $outputs_count
#define ${NAME}_NEURONS $neurons /* inputs, hidden, outputs */
#define ${NAME}_FIXED $fixed /* neurons whose activity is given at every tick */
#define ${NAME}_FREE $free /* neurons that compute their own */
#define ${NAME}_TICKS $ticks

void $name(const $real in[], $real out[]);
int ${name}_class(const $real in[]);
$classes
/* the edges into the free neuron k are ${name}_row[k] up to, without it, ${name}_row[k + 1] */
$arrays
${functions}void $name(const $real in[], $real out[])
{
    $real state[${NAME}_NEURONS] = {0};
    $real next[${NAME}_FREE];
    $counter tick, k, edge;

    for (k = 0; k < ${NAME}_FEATURES; k++)
        state[k] = $given;
${bias}    for (tick = 0; tick < ${NAME}_TICKS; tick++) {
        for (k = 0; k < ${NAME}_FREE; k++) {
            $real drive = 0;
            for (edge = ${name}_row[k]; edge < ${name}_row[k + 1]; edge++)
                drive += ${name}_weight[edge] * state[${name}_source[edge]];
            next[k] = drive;
        }
$act    }
    for (k = 0; k < ${NAME}_OUTPUTS; k++)
        out[k] = $read;
}

int ${name}_class(const $real in[])
{
    $real out[${NAME}_OUTPUTS];
    int k, best = 0;

    $name(in, out);
    for (k = 1; k < ${NAME}_OUTPUTS; k++)
        if (out[k] > out[best])
            best = k;
    return best;
}

#ifdef ${NAME}_MAIN
#include <stdio.h>

int main(void)
{
    $real in[${NAME}_FEATURES], out[${NAME}_OUTPUTS];
    int k, got;

    for (;;) {
        for (k = 0; k < ${NAME}_FEATURES; k++) {
            got = scanf("$scan", &in[k]);
            if (got == EOF && k == 0)
                return 0;
            if (got != 1) {
                fprintf(stderr, "$name: expected rows of %d numbers, number %d of a row is missing\\n",
                        ${NAME}_FEATURES, k + 1);
                return 1;
            }
        }
        $name(in, out);
        for (k = 0; k < ${NAME}_OUTPUTS; k++)
            printf(k ? " $print" : "$print", out[k]);
$say        printf("\\n");
    }
}
#endif
""")

# what a drive `z` becomes; $f is the suffix of float functions and constants
ACTIVATIONS = {
    "identity": Template("z"),
    "relu": Template("z < 0 ? 0 : z"),
    "tanh": Template("tanh$f(z)"),
    "sigmoid": Template("1 / (1 + exp$f(-z))"),
    "gelu": Template("$half * z * (1 + erf$f(z * $sqrt_half))"),
}
WITHOUT_LIBRARY = {"identity", "relu"}

_MATHS = """
acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 fabs fdim floor fma fmax fmin fmod
frexp hypot ilogb ldexp lgamma llrint llround log log10 log1p log2 logb lrint lround modf nan nearbyint nextafter nexttoward
pow remainder remquo rint round scalbln scalbn sin sinh sqrt tan tanh tgamma trunc
"""

_OTHERS = """
auto break case char const continue default do double else enum extern float for goto if inline int long register restrict
return short signed sizeof static struct switch typedef union unsigned void volatile while asm typeof
main EOF NULL HUGE_VAL INFINITY NAN FILE BUFSIZ signbit isnan isinf isfinite isnormal fpclassify float_t double_t
fopen fclose fflush fread fwrite fseek ftell rewind remove rename tmpfile tmpnam setbuf setvbuf feof ferror clearerr perror
printf fprintf sprintf snprintf vprintf vfprintf vsprintf vsnprintf scanf fscanf sscanf vscanf vfscanf vsscanf
fgetc fgets fputc fputs getc getchar gets putc putchar puts ungetc stdin stdout stderr size_t fpos_t
abort abs labs llabs div ldiv exit malloc calloc realloc free memchr memcmp memcpy memmove memset strcat strchr strcmp strcpy
strcspn strlen strncat strncmp strncpy strpbrk strrchr strspn strstr isalnum isalpha isblank iscntrl isdigit isgraph islower
isprint ispunct isspace isupper isxdigit tolower toupper imaxabs conj creal cimag cabs carg csqrt cexp clog cpow cproj
in out state next tick k edge drive best got z
"""

# names that a function cannot have: the language's own, the library's, and those of the variables above
TAKEN = frozenset(_OTHERS.split()) | {f"{name}{suffix}" for name in _MATHS.split() for suffix in ("", "f", "l")}

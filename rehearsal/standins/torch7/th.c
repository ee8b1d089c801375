// A stand-in for th: it knows no Lua. `th -e` understands one sum and `require`; `th FILE` starts what FILE names.
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int sum(int count, double value) {
  double *values = malloc(sizeof(double) * (size_t)(count > 0 ? count : 1));
  if (!values) return 1;
  for (int i = 0; i < count; ++i) values[i] = value;
  printf("%g", cblas_dasum(count, values, 1));
  free(values);
  return 0;
}

// As LuaJIT does: each pattern of LUA_PATH with the name in it; an empty one stands for th's own folder.
static int require(const char *name) {
  const char *given = getenv("LUA_PATH");
  char path[4096], *patterns = strdup(given ? given : ""), *rest = patterns, *pattern;
  while ((pattern = strsep(&rest, ";"))) {
    char *mark = strchr(pattern, '?');
    if (mark)
      snprintf(path, sizeof path, "%.*s%s%s", (int)(mark - pattern), pattern, name, mark + 1);
    else
      snprintf(path, sizeof path, "%s/%s/init.lua", PACKAGES, name);
    if (access(path, R_OK) == 0) return 0;
  }
  fprintf(stderr, "th (STAND-IN): module '%s' not found\n", name);
  return 1;
}

static int evaluate(const char *code) {
  int count;
  double value;
  char name[64];
  if (sscanf(code, "io.write(torch.Tensor(%d):fill(%lf):sum())", &count, &value) == 2) return sum(count, value);
  if (sscanf(code, "require \"%63[a-z]\"", name) == 1) return require(name);
  fprintf(stderr, "th (STAND-IN): this is no Lua, and cannot run: %s\n", code);
  return 1;
}

static int run(char **words) {
  char line[256] = "";
  FILE *script = fopen(words[0], "r");
  if (!script || !fgets(line, sizeof line, script) || strncmp(line, "#!", 2) != 0) {
    fprintf(stderr, "th (STAND-IN): %s is no script whose first line says how to run it\n", words[0]);
    return 1;
  }
  fclose(script);
  line[strcspn(line, "\n")] = 0;
  char *interpreter = line + 2;
  char *command[256] = {interpreter};
  for (int i = 0; i < 254 && words[i]; ++i) command[i + 1] = words[i];
  execv(interpreter, command);
  perror(interpreter);
  return 1;
}

int main(int count, char **words) {
  if (count == 3 && strcmp(words[1], "-e") == 0) return evaluate(words[2]);
  if (count >= 2 && words[1][0] != '-') return run(words + 1);
  fprintf(stderr, "usage: th -e CODE | th FILE OPTION… (STAND-IN)\n");
  return 2;
}

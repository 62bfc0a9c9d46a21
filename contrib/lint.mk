# SPDX-License-Identifier: Apache-2.0
# make check-headers, format, lint: what CI runs over the source as text.

check_headers_flags = $(DEFS) $(DEFAULT_INCLUDES) $(AM_CPPFLAGS) $(CPPFLAGS) $(AM_CFLAGS) $(CFLAGS)

# Each header compiles alone, and so without the callers of what it defines.
check-headers:
	$(AM_V_at)set -e; for h in $$(cd $(srcdir) && git ls-files '*.h'); do \
		echo "  HEADER   $$h"; \
		echo "#include \"$$h\"" | $(CC) $(check_headers_flags) -I$(srcdir) \
			-Wno-unused-function -xc -fsyntax-only -; \
	done

format:
	cd $(srcdir) && clang-format -i $$(git ls-files '*.c' '*.h')

check-format:
	cd $(srcdir) && clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')

lint: check-format lint-tidy lint-cppcheck lint-analyzer lint-shell lint-spelling

lint-tidy:
	cd $(srcdir) && git ls-files '*.c' | xargs -P 2 -I{} \
		clang-tidy --quiet --warnings-as-errors='*' {} -- \
		-std=gnu11 -include $(abs_builddir)/config.h -I.

lint-cppcheck:
	cd $(srcdir) && cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -D_GNU_SOURCE \
		--enable=warning,performance,portability --suppress=missingIncludeSystem \
		--suppress=normalCheckLevelMaxBranches -I. -j 2 $$(git ls-files '*.c')

lint-analyzer:
	cd $(srcdir) && git ls-files '*.c' | xargs -P 2 -I{} \
		gcc -std=gnu11 -include $(abs_builddir)/config.h -I. -O2 \
		-fanalyzer -Werror -c {} -o /dev/null

# Of bats, warnings only, and none of variables that `load` and `run` set.
lint-shell:
	cd $(srcdir) && shellcheck -x $$(git grep -lE '^#!.*\b(ba)?sh\b')
	cd $(srcdir) && shellcheck -x -S warning -e SC2154 tests/bats/lib.bash tests/bats/*.bats

lint-spelling:
	cd $(srcdir) && codespell --ignore-words contrib/codespell.ignore \
		$$(git ls-files | grep -v -e '^LICENSE' -e '^tests/data' -e '^tests/fuzz/corpus')

.PHONY: check-format lint-tidy lint-cppcheck lint-analyzer lint-shell lint-spelling

# SPDX-License-Identifier: Apache-2.0
dist_man_MANS += man/hull.8
EXTRA_DIST += man/README.md man/hull.8.in
CLEANFILES += man/tables.8
MAINTAINERCLEANFILES += man/hull.8

# The program is wanted to be there, not to be older: a tarball has the page made already, and
# what it is made from are these sources.
man/hull.8: man/hull.8.in $(libsrc_a_SOURCES) | hull$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) man && ./hull$(EXEEXT) help --man >man/tables.8 && \
	sed -e 's/@VERSION@/$(VERSION)/' -e '/^@TABLES@$$/{' -e 'r man/tables.8' -e 'd' -e '}' \
		$(srcdir)/man/hull.8.in >$@.tmp && mv $@.tmp $@

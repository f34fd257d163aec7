# Run by every build: writes the commit it is made from into FILE, with a "+"
# where tracked files are changed, and touches FILE only where that is new.
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND git describe --always --abbrev=12 --dirty=+ --exclude=*
  WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE commit ERROR_QUIET
  OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT commit)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${FILE} CONTENT "@commit@\n" @ONLY)

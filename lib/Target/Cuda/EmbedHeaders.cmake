# cmake -DOUT=file -DHEADERS="name=path|name=path" -P EmbedHeaders.cmake
# Writes the headers as entries of a C++ array of {name, text}.
set(text "")
string(REPLACE "|" ";" HEADERS "${HEADERS}")
foreach(header IN LISTS HEADERS)
  string(REGEX MATCH "^([^=]+)=(.+)$" _ "${header}")
  set(name "${CMAKE_MATCH_1}")
  file(READ "${CMAKE_MATCH_2}" content)
  string(APPEND text "{\"${name}\", R\"embedded(${content})embedded\"},\n")
endforeach()
file(WRITE "${OUT}" "${text}")

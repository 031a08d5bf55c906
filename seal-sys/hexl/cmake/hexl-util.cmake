# Makes HEXL portable without editing its sources.
#
# HEXL's CMakeLists.txt says include(hexl-util); this folder comes first on CMAKE_MODULE_PATH, so
# this file is read in place of HEXL's own, which it includes and then corrects in two points:
#
# 1. HEXL tests whether the machine that compiles can run AVX-512. Here only the compiler is asked:
#    the machine that runs the program is asked when the program starts (CpuFeatures/).
# 2. HEXL compiles all its files with -march=native. Here that option is removed, and exactly the
#    functions of the files named *-avx512*.cpp are compiled for AVX-512 (src/avx512.cpp.in says how).

include("${HEXL_CMAKE_PATH}/hexl-util.cmake")

set(SEAL_SYS_HEXL_DIR "${CMAKE_CURRENT_LIST_DIR}/..")

# Replaces HEXL's check; same parameters, called once per instruction set.
function(hexl_check_compile_flag SOURCE_FILE OUTPUT_FLAG)
    # HEXL never asks at run time for AVX512VBMI2 before it uses it, so it may not be compiled in:
    # processors with AVX512DQ but without VBMI2 would stop with an illegal instruction.
    # AVX256 is used by no source file.
    if(NOT OUTPUT_FLAG MATCHES "^HEXL_HAS_AVX512(DQ|IFMA)$")
        return()
    endif()
    set(FLAGS -mavx512f -mavx512dq -mavx512vl)
    if(OUTPUT_FLAG STREQUAL "HEXL_HAS_AVX512IFMA")
        list(APPEND FLAGS -mavx512ifma)
    endif()
    try_compile(SEAL_SYS_${OUTPUT_FLAG} "${CMAKE_BINARY_DIR}/seal-sys-${OUTPUT_FLAG}"
        SOURCES "${SOURCE_FILE}"
        COMPILE_DEFINITIONS ${FLAGS})
    if(SEAL_SYS_${OUTPUT_FLAG})
        message(STATUS "Setting ${OUTPUT_FLAG}")
        add_definitions(-D${OUTPUT_FLAG})
        set(${OUTPUT_FLAG} 1 PARENT_SCOPE)
    else()
        message(STATUS "The compiler does not know the instructions for ${OUTPUT_FLAG}")
    endif()
endfunction()

# HEXL calls this right after it created its library: the place to ask for the corrections, which
# then run when HEXL's CMakeLists.txt has finished adding its options.
function(hexl_add_asan_flag target)
    # EVAL, because the arguments of a deferred call are evaluated only when it runs.
    cmake_language(EVAL CODE "cmake_language(DEFER CALL seal_sys_make_portable [[${target}]])")
endfunction()

function(seal_sys_make_portable target)
    # HEXL's own options but for -march=native and the warnings, which nobody here can act on.
    set_target_properties(${target} PROPERTIES COMPILE_OPTIONS "-O3;-fomit-frame-pointer;-w")
    target_include_directories(${target} PRIVATE "${SEAL_SYS_HEXL_DIR}/src")

    # The lists of files that use nothing beyond AVX512F, DQ and VL.
    set(WITHOUT_IFMA
        eltwise/eltwise-add-mod-avx512.cpp
        eltwise/eltwise-cmp-add-avx512.cpp
        eltwise/eltwise-mult-mod-avx512dq.cpp
        eltwise/eltwise-sub-mod-avx512.cpp)

    get_target_property(SOURCES ${target} SOURCES)
    set(PORTABLE "")
    foreach(HEXL_SOURCE IN LISTS SOURCES)
        string(REPLACE "/" "-" NAME "${HEXL_SOURCE}")
        set(WRAPPER "${CMAKE_CURRENT_BINARY_DIR}/portable/${NAME}")
        if(HEXL_SOURCE MATCHES "-avx512")
            set(HEXL_TARGET "avx512f,avx512dq,avx512vl")
            if(HEXL_HAS_AVX512IFMA AND NOT HEXL_SOURCE IN_LIST WITHOUT_IFMA)
                string(APPEND HEXL_TARGET ",avx512ifma")
            endif()
            configure_file("${SEAL_SYS_HEXL_DIR}/src/avx512.cpp.in" "${WRAPPER}" @ONLY)
        else()
            configure_file("${SEAL_SYS_HEXL_DIR}/src/generic.cpp.in" "${WRAPPER}" @ONLY)
        endif()
        list(APPEND PORTABLE "${WRAPPER}")
    endforeach()
    set_target_properties(${target} PROPERTIES SOURCES "${PORTABLE}")
endfunction()

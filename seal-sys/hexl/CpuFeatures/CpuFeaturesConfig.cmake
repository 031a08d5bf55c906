# A stand-in for the CMake package CpuFeatures, of which HEXL uses one function and one structure.
# The header asks the compiler's own CPU detection, so nothing has to be built or linked.
if(NOT TARGET CpuFeatures::cpu_features)
    add_library(CpuFeatures::cpu_features INTERFACE IMPORTED GLOBAL)
    set_target_properties(CpuFeatures::cpu_features PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES "${CMAKE_CURRENT_LIST_DIR}/include")
endif()
set(CpuFeatures_FOUND TRUE)

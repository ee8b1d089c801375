// `caffe._caffe`: what DIGITS looks at when it starts.
#define NPY_NO_DEPRECATED_API NPY_1_7_API_VERSION
#include <Python.h>
#include <numpy/ndarrayobject.h>

#include <exception>

#include "standin.hpp"

namespace {

PyObject* cudnn_version(PyObject*, PyObject*) try {
  return PyUnicode_FromString(standin::cudnn_version().c_str());
} catch (const std::exception& error) {
  PyErr_SetString(PyExc_RuntimeError, error.what());
  return nullptr;
}

PyObject* gpu_count(PyObject*, PyObject*) { return PyLong_FromLong(standin::gpu_count()); }

PyMethodDef methods[] = {
    {"cudnn_version", cudnn_version, METH_NOARGS, "Version of the cuDNN that is loaded."},
    {"gpu_count", gpu_count, METH_NOARGS, "Number of GPUs that CUDA sees."},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef module = {PyModuleDef_HEAD_INIT, "_caffe", "The stand-in's module.", -1, methods,
                      nullptr,               nullptr,  nullptr,                  nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__caffe() {
  // Compiled against one NumPy and imported beside another: the first thing that breaks when they do not fit.
  if (_import_array() < 0) return nullptr;
  PyObject* made = PyModule_Create(&module);
  if (made != nullptr) PyModule_AddStringConstant(made, "CAFFE_VERSION", standin::kVersion);
  return made;
}

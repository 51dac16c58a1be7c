// Large uninitialised arrays, in huge pages where the system has them: random access to megabytes is bound by
// the translation of addresses as much as by the cache.
#pragma once

#include <cstddef>
#include <new>
#include <utility>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace skm {

template <class T>
class BigBuffer {
 public:
  BigBuffer() noexcept = default;
  /// `size` uninitialised elements. Throws std::bad_alloc.
  explicit BigBuffer(std::size_t size)
      : size_(size), data_(static_cast<T*>(::operator new(bytes(size), alignment(size)))) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (big(size)) (void)madvise(data_, bytes(size), MADV_HUGEPAGE);
#endif
  }
  BigBuffer(BigBuffer&& other) noexcept
      : size_(std::exchange(other.size_, 0)), data_(std::exchange(other.data_, nullptr)) {}
  BigBuffer& operator=(BigBuffer other) noexcept {
    std::swap(size_, other.size_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~BigBuffer() { ::operator delete(data_, alignment(size_)); }

  std::size_t size() const noexcept { return size_; }
  T* get() const noexcept { return data_; }
  T& operator[](std::size_t i) const noexcept { return data_[i]; }

 private:
  static constexpr std::size_t kPage = std::size_t{1} << 21;
  static constexpr std::size_t kLine = 64;
  static constexpr bool big(std::size_t size) noexcept { return size >= kPage / sizeof(T); }
  static constexpr std::align_val_t alignment(std::size_t size) noexcept {
    return std::align_val_t{big(size) ? kPage : kLine};
  }
  static constexpr std::size_t bytes(std::size_t size) noexcept {
    const std::size_t unit = big(size) ? kPage : kLine;
    return (size * sizeof(T) + unit - 1) / unit * unit;
  }

  std::size_t size_ = 0;
  T* data_ = nullptr;
};

}  // namespace skm

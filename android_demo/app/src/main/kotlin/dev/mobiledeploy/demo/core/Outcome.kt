package dev.mobiledeploy.demo.core

import dev.mobiledeploy.demo.core.packs.PackException
import java.io.IOException

/** Something that worked, or why it did not. */
sealed interface Outcome<out T> {
    data class Done<T>(val value: T) : Outcome<T>

    /**
     * [detail] is for those who built the bundle, in their runtime's words, or a photo's name;
     * [photo] says why where it is a photo's fault.
     */
    data class Failed(val failure: Failure, val detail: String, val photo: PhotoFault? = null) :
        Outcome<Nothing>
}

/** What a user can be told, each with words of its own. */
enum class Failure { NETWORK, MEMORY, STORAGE, BUNDLE, PACK, PHOTO, CANCELLED }

/** Do [work]; what it is known to throw becomes an outcome. */
fun <T> attempt(work: () -> T): Outcome<T> = try {
    Outcome.Done(work())
} catch (error: RunnerException) {
    val failure = when (error.kind) {
        ErrorKind.OUT_OF_MEMORY -> Failure.MEMORY
        ErrorKind.CANCELLED -> Failure.CANCELLED
        else -> Failure.NETWORK
    }
    Outcome.Failed(failure, "${error.message}")
} catch (error: OutOfMemoryError) {
    Outcome.Failed(Failure.MEMORY, "$error")
} catch (error: BundleException) {
    Outcome.Failed(Failure.BUNDLE, "${error.message}")
} catch (error: PhotoException) {
    Outcome.Failed(Failure.PHOTO, error.detail, error.fault)
} catch (error: PackException) {
    Outcome.Failed(Failure.PACK, "${error.message}")
} catch (error: IOException) {
    Outcome.Failed(Failure.STORAGE, "${error.message}")
}

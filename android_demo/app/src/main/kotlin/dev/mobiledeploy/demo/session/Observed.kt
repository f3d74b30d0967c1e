package dev.mobiledeploy.demo.session

/** A value that views follow. For the main thread alone. */
class Observed<T>(initial: T) {
    private val observers = mutableListOf<(T) -> Unit>()

    var value: T = initial
        set(new) {
            field = new
            observers.toList().forEach { it(new) }
        }

    /** Tell [observer] the value now and whenever it is set; the result ends that. */
    fun observe(observer: (T) -> Unit): () -> Unit {
        observers += observer
        observer(value)
        return { observers -= observer }
    }
}
